using Domain.Linux;

namespace Domain.Devices;

/// <summary>The host's end of the guest's Ethernet: whole frames, without their check sequence.</summary>
internal unsafe interface IFrameChannel
{
    /// <summary>
    /// A frame is preceded by the 10-byte <see cref="NetHeader"/>: checksums and segmentation may be left undone.
    /// </summary>
    bool Offload { get; }

    /// <summary>Receives one frame into the pieces: its length with header, or a <see cref="FrameResult"/>.</summary>
    int Receive(IoVector* pieces, int count);

    /// <summary>Sends one frame: its length, or a <see cref="FrameResult"/>.</summary>
    int Send(IoVector* pieces, int count);
}

/// <summary>Why no frame was moved.</summary>
internal static class FrameResult
{
    /// <summary>Nothing there, or no room: poll the descriptor.</summary>
    public const int Later = 0;

    /// <summary>The frame was refused or did not fit and is lost.</summary>
    public const int Lost = -1;

    /// <summary>The other side is gone for good.</summary>
    public const int Gone = -2;
}
