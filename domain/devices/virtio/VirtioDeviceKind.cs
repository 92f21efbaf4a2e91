namespace Domain.Devices;

/// <summary>Device types (virtio 1.2, chapter 5).</summary>
internal enum VirtioDeviceKind : uint
{
    Network = 1,
    Block = 2,
    Console = 3,
    Entropy = 4,
}
