using System;
using Domain.Linux;

namespace Domain.Devices;

/// <summary>The entropy device (virtio 1.2, 5.4): fills what it is given from the host's random numbers.</summary>
internal sealed unsafe class VirtioEntropy(DmaMemory memory) : VirtioDevice(memory, 1, 64)
{
    /// <summary>At most so much a request: a driver that wants more asks again.</summary>
    private const ulong MaxBytes = 4096;

    public ulong Given;

    public override VirtioDeviceKind Kind => VirtioDeviceKind.Entropy;

    public override string Name => "entropy";

    public override ulong Features => 0;

    public override string Summary => $"entropy: {Given} bytes, failures {Failures}";

    public override void Notify(int number) => ServeQueue(number);

    protected override Served Serve(DescriptorChain request, out uint written)
    {
        written = Fill(request);
        return request.WritableBytes > 0 ? Served.Done : Served.Wrong;
    }

    private uint Fill(DescriptorChain chain)
    {
        ulong left = MaxBytes;
        for (int i = chain.ReadableCount; i < chain.Count && left > 0; i++)
        {
            ulong part = Math.Min(left, chain.Pieces[i].Length);
            // Without GRND_NONBLOCK getrandom gives everything or, below 256 bytes, is not interrupted; a shorter count
            // is reported as it is.
            nint got = Libc.getrandom(chain.Pieces[i].Start, (nuint)part, 0);
            if (got <= 0)
                break;
            Memory.Written(chain.Pieces[i].Start, (ulong)got);
            left -= (ulong)got;
            if ((ulong)got < part)
                break;
        }
        Given += MaxBytes - left;
        return (uint)(MaxBytes - left);
    }
}
