using System;
using System.Threading;
using Testing.Wires;

namespace Testing.Machines;

/// <summary>A second bridge in a <see cref="Space"/>, and a wire with faults between it and the one that the client is on.</summary>
public sealed class LongWire : IDisposable
{
    /// <summary>Name of the bridge at the far end.</summary>
    public const string Far = "br1";

    private readonly Relay relay;

    /// <param name="inspect">Frames before they meet the wire, the first argument true for those from the client's end. Runs on the relay's thread.</param>
    public LongWire(Space space, int seed, FaultRates rates, Action<bool, byte[]>? inspect = null)
    {
        Programs.Run("ip", "-n", space.Name, "link", "add", Far, "address", "02:45:0a:00:00:ff", "type", "bridge");
        Programs.Run("ip", "-n", space.Name, "link", "set", Far, "addrgenmode", "none", "up");
        int near = -1, far = -1;
        // setns(2) moves one thread; the devices stay where they were made.
        var thread = new Thread(() => space.Enter(() => (near, far) = (TapDevices.OpenTap("near", false), TapDevices.OpenTap("far", false))));
        thread.Start();
        thread.Join();
        space.Plug("near", Space.Near);
        space.Plug("far", Far);
        relay = new Relay(near, far, seed, rates) { Inspect = inspect };
        relay.Start();
    }

    /// <summary>What is sent from the client's end, and towards it.</summary>
    public FaultyWire Out => relay.ToB;

    /// <inheritdoc cref="Out"/>
    public FaultyWire Back => relay.ToA;

    /// <summary>What happens to frames from now on, both ways.</summary>
    public void Become(FaultRates rates) => Out.Rates = Back.Rates = rates;

    public override string ToString() => relay.ToString();

    public void Dispose() => relay.Dispose();
}
