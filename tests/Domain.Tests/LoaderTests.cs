using System;
using System.Buffers.Binary;
using System.IO;
using System.Text;
using CsCheck;
using Domain.Boot;
using Testing.Machines;
using Xunit;

namespace Domain.Tests;

public sealed class LoaderTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();
    private readonly GuestMemory memory = GuestMemory.Allocate(16 << 20);

    public void Dispose() => File.Delete(path);

    private PvhLoader.Loaded Load(byte[] image)
    {
        File.WriteAllBytes(path, image);
        return PvhLoader.Load(ImageFile.Open(path), memory);
    }

    private string Refusal(Action<byte[]> spoil)
    {
        byte[] image = TinyKernel.Image([0xf4]);
        spoil(image);
        return Assert.Throws<ImageError>(() => Load(image)).Message;
    }

    private static void Put(byte[] image, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(offset), value);

    [Fact]
    public void Loads_segments_and_finds_the_entry()
    {
        memory.Slice(TinyKernel.LoadAddress, 8192).Fill(0xee);
        var loaded = Load(TinyKernel.Image([1, 2, 3]));
        Assert.Equal(TinyKernel.LoadAddress, loaded.Entry);
        Assert.Equal(TinyKernel.LoadAddress + 4096, loaded.End);
        Assert.True(memory.Slice(TinyKernel.LoadAddress, 4).SequenceEqual(new byte[] { 1, 2, 3, 0 }));
        Assert.Equal(0, memory.Slice(TinyKernel.LoadAddress + 4095, 1)[0]);
        Assert.Equal(0xee, memory.Slice(TinyKernel.LoadAddress + 4096, 1)[0]);
    }

    [Fact]
    public void Says_what_is_wrong()
    {
        const int Load = 64, Note = 64 + 56;
        Assert.Contains("not an ELF image", Refusal(image => image[0] = 0));
        Assert.Contains("64-bit x86", Refusal(image => image[4] = 1));
        Assert.Contains("64-bit x86", Refusal(image => image[18] = 183));
        Assert.Contains("not a linked image", Refusal(image => image[16] = 1));
        Assert.Contains("broken program header", Refusal(image => image[56] = 0));
        Assert.Contains("broken program header", Refusal(image => Put(image, 32, ulong.MaxValue - 8)));
        Assert.Contains("ends before segment 0", Refusal(image => Put(image, Load + 8, ulong.MaxValue)));
        Assert.Contains("larger in the file", Refusal(image => Put(image, Load + 40, 0)));
        Assert.Contains("does not fit into 16 MiB", Refusal(image => Put(image, Load + 24, 16 << 20)));
        Assert.Contains("does not fit into 16 MiB", Refusal(image => Put(image, Load + 40, ulong.MaxValue)));
        Assert.Contains("boot information", Refusal(image => Put(image, Load + 24, 0x8_f800)));
        Assert.Contains("no PVH entry", Refusal(image => image[Note] = 0));
        Assert.Contains("outside RAM", Refusal(image => Put(image, 64 + 112 + 16, 0xf000_0000)));
        Assert.Contains("too short", Assert.Throws<ImageError>(() => this.Load([1, 2, 3])).Message);
        Assert.Contains("no such file", Assert.Throws<ImageError>(() => ImageFile.Open("/nowhere/at/all")).Message);
    }

    [Fact]
    public void Random_damage_is_refused_or_loaded_but_never_more()
    {
        byte[] good = TinyKernel.Image(new byte[100]);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[1, 8].Sample(changes =>
        {
            byte[] image = [.. good];
            foreach (var (at, value) in changes)
                image[at] = value;
            try
            {
                Load(image);
            }
            catch (ImageError)
            {
                // A sentence for the user is the expected answer.
            }
        }, iter: 500, threads: 1);
    }

    [Fact]
    public void Start_information_follows_the_boot_protocol()
    {
        uint at = StartInfo.Write(memory, "console=ttyS0", new StartInfo.Module(0x80_0000, 1234));
        var info = memory.Slice(at, 56);
        Assert.Equal(0x336ec578u, BinaryPrimitives.ReadUInt32LittleEndian(info));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(info[4..]));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32LittleEndian(info[12..]));
        var module = memory.Slice(BinaryPrimitives.ReadUInt64LittleEndian(info[16..]), 32);
        Assert.Equal(0x80_0000ul, BinaryPrimitives.ReadUInt64LittleEndian(module));
        Assert.Equal(1234ul, BinaryPrimitives.ReadUInt64LittleEndian(module[8..]));
        var line = memory.Slice(BinaryPrimitives.ReadUInt64LittleEndian(info[24..]), 14);
        Assert.Equal("console=ttyS0\0", Encoding.ASCII.GetString(line));
        ulong map = BinaryPrimitives.ReadUInt64LittleEndian(info[40..]);
        ulong ram = 0;
        for (uint i = 0; i < BinaryPrimitives.ReadUInt32LittleEndian(info[48..]); i++)
        {
            var entry = memory.Slice(map + i * 24, 24);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]) == 1)
                ram = Math.Max(ram, BinaryPrimitives.ReadUInt64LittleEndian(entry) + BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]));
        }
        Assert.Equal(memory.Size, ram);
        Assert.True(at + 0x1000 + 14 < 0x9fc00);
    }

    [Fact]
    public void A_command_line_that_is_too_long_is_refused()
    {
        StartInfo.Write(memory, new string('x', StartInfo.MaxCommandLine), null);
        Assert.Throws<ImageError>(() => StartInfo.Write(memory, new string('x', StartInfo.MaxCommandLine + 1), null));
    }
}
