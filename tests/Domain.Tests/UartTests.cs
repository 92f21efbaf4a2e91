using System.Text;
using Domain.Devices;
using Xunit;

namespace Domain.Tests;

public class UartTests
{
    private readonly FakeConsole console = new();
    private readonly FakeLine line = new();
    private readonly Uart uart;

    public UartTests() => uart = new Uart(console, line);

    private void Type(string text) => uart.Receive(Encoding.Latin1.GetBytes(text));

    [Fact]
    public void Prints()
    {
        foreach (char character in "hello\n")
        {
            Assert.Equal(0x60ul, uart.Read(5, 1) & 0x60);
            uart.Write(0, 1, character);
        }
        Assert.Equal("hello\n", console.Text.ToString());
    }

    [Fact]
    public void Divisor_hides_data_and_interrupt_enable()
    {
        uart.Write(3, 1, 0x83);
        uart.Write(0, 1, 0x01);
        uart.Write(1, 1, 0x02);
        Assert.Equal(1ul, uart.Read(0, 1));
        Assert.Equal(2ul, uart.Read(1, 1));
        uart.Write(3, 1, 3);
        Assert.Equal(0ul, uart.Read(1, 1));
        Assert.Equal("", console.Text.ToString());
    }

    [Fact]
    public void Input_interrupts_until_read()
    {
        uart.Write(1, 1, 1);
        Assert.Equal(1ul, uart.Read(2, 1) & 15);
        Type("ab");
        Assert.True(line.High);
        Assert.Equal(4ul, uart.Read(2, 1) & 15);
        Assert.Equal('a', (char)uart.Read(0, 1));
        Assert.True(line.High);
        Assert.Equal('b', (char)uart.Read(0, 1));
        Assert.False(line.High);
        Assert.Equal(0ul, uart.Read(5, 1) & 1);
        Assert.Equal(0ul, uart.Read(0, 1));
    }

    [Fact]
    public void New_input_is_a_new_event_though_old_input_lies_there()
    {
        uart.Write(1, 1, 1);
        Type("a");
        int events = line.Events;
        Type("b");
        Assert.Equal(events + 1, line.Events);
    }

    [Fact]
    public void Transmit_interrupt_comes_when_enabled_and_after_each_character()
    {
        uart.Write(1, 1, 2);
        Assert.True(line.High);
        Assert.Equal(2ul, uart.Read(2, 1) & 15);
        Assert.False(line.High);
        Assert.Equal(1ul, uart.Read(2, 1) & 15);
        uart.Write(0, 1, 'x');
        Assert.True(line.High);
    }

    [Fact]
    public void Too_much_input_overruns()
    {
        int room = uart.Room;
        Type(new string('x', room + 1));
        Assert.Equal(0, uart.Room);
        Assert.Equal(1ul, uart.Metrics.Overruns);
        Assert.Equal(2ul, uart.Read(5, 1) & 2);
        Assert.Equal(0ul, uart.Read(5, 1) & 2);
    }

    [Fact]
    public void Loopback_comes_back_and_prints_nothing()
    {
        uart.Write(4, 1, 0x1f);
        uart.Write(0, 1, 'z');
        Assert.Equal('z', (char)uart.Read(0, 1));
        Assert.Equal("", console.Text.ToString());
        Assert.Equal(0xf0ul, uart.Read(6, 1));
    }

    [Fact]
    public void Is_found_by_its_scratch_register()
    {
        uart.Write(7, 1, 0x5a);
        Assert.Equal(0x5aul, uart.Read(7, 1));
    }
}
