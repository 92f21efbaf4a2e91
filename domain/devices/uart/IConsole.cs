using System;

namespace Domain.Devices;

/// <summary>The host's side of a console: where the guest's characters go.</summary>
public interface IConsole
{
    /// <summary>Takes characters the guest printed; never blocks, drops what the host does not take.</summary>
    void Write(ReadOnlySpan<byte> text);
}
