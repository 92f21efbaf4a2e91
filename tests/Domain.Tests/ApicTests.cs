using Domain.Devices;
using Xunit;

namespace Domain.Tests;

/// <summary>Local APIC and I/O APIC through their registers.</summary>
public class ApicTests
{
    private ulong now = 1_000_000_000;
    private readonly LocalApic apic;
    private readonly IoApic ioApic;

    public ApicTests()
    {
        apic = new LocalApic(() => now);
        ioApic = new IoApic(apic);
        apic.Write(0xf0, 4, 0x1ff);
    }

    private void Redirect(int pin, uint low, uint destination = 0)
    {
        ioApic.Write(0, 4, 0x11 + 2 * (ulong)pin);
        ioApic.Write(0x10, 4, destination << 24);
        ioApic.Write(0, 4, 0x10 + 2 * (ulong)pin);
        ioApic.Write(0x10, 4, low);
    }

    [Fact]
    public void Higher_vectors_come_first_and_block_lower_ones()
    {
        apic.Accept(0x41, false);
        apic.Accept(0x52, false);
        Assert.Equal(0x52, apic.Acknowledge());
        Assert.False(apic.Pending);
        Assert.Equal(0x50u, (uint)apic.Read(0xa0, 4));
        apic.Accept(0x61, false);
        Assert.True(apic.Pending);
        Assert.Equal(0x61, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        Assert.False(apic.Pending);
        apic.Write(0xb0, 4, 0);
        Assert.Equal(0x41, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        Assert.Equal(0xff, apic.Acknowledge());
    }

    [Fact]
    public void A_timer_that_is_over_at_once_still_fires()
    {
        ulong ticking = 1_000;
        var slow = new LocalApic(() => ticking += 500);
        slow.Write(0xf0, 4, 0x1ff);
        slow.Write(0x3e0, 4, 0xb);
        slow.Write(0x320, 4, 0x40);
        slow.Write(0x380, 4, 1);
        Assert.NotEqual(LocalApic.Never, slow.Deadline);
        slow.Expire(ticking += 500);
        Assert.Equal(0x40, slow.Acknowledge());
        // Its vector written again does not bring it back.
        slow.Write(0x320, 4, 0x40);
        Assert.Equal(LocalApic.Never, slow.Deadline);
    }

    [Fact]
    public void Task_priority_holds_back_its_class_and_below()
    {
        apic.TaskPriority = 5;
        Assert.Equal(0x50ul, apic.Read(0x80, 4));
        apic.Accept(0x5f, false);
        Assert.False(apic.Pending);
        apic.Accept(0x60, false);
        Assert.True(apic.Pending);
        Assert.Equal(0x60, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        apic.Write(0x80, 4, 0);
        Assert.Equal(0x5f, apic.Acknowledge());
    }

    [Fact]
    public void A_disabled_apic_delivers_nothing_and_masks_its_timer()
    {
        apic.Write(0xf0, 4, 0xff);
        apic.Accept(0x40, false);
        Assert.False(apic.Pending);
        apic.Write(0x320, 4, 0x30);
        Assert.Equal(0x1_0030ul, apic.Read(0x320, 4));
        apic.Write(0xf0, 4, 0x1ff);
        Assert.True(apic.Pending);
    }

    [Fact]
    public void Request_and_service_registers_show_the_bits()
    {
        apic.Accept(0x85, true);
        Assert.Equal(1ul << 5, apic.Read(0x240, 4));
        Assert.Equal(1ul << 5, apic.Read(0x1c0, 4));
        apic.Acknowledge();
        Assert.Equal(0ul, apic.Read(0x240, 4));
        Assert.Equal(1ul << 5, apic.Read(0x140, 4));
    }

    [Fact]
    public void A_message_to_oneself_arrives_and_to_others_does_not()
    {
        apic.Write(0x300, 4, 0x4_0033);
        Assert.Equal(0x33, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        apic.Write(0x310, 4, 1u << 24);
        apic.Write(0x300, 4, 0x34);
        apic.Write(0x300, 4, 0xc_0034);
        Assert.False(apic.Pending);
        apic.Write(0x310, 4, 0);
        apic.Write(0x300, 4, 0x34);
        Assert.Equal(0x34, apic.Acknowledge());
    }

    [Fact]
    public void Illegal_vectors_become_errors()
    {
        apic.Write(0x370, 4, 0xfe);
        apic.Accept(5, false);
        apic.Write(0x280, 4, 0);
        Assert.Equal(0x40ul, apic.Read(0x280, 4));
        Assert.Equal(0xfe, apic.Acknowledge());
    }

    [Fact]
    public void One_shot_timer_counts_a_nanosecond_a_tick_before_the_divider()
    {
        apic.Write(0x3e0, 4, 0xb);
        apic.Write(0x320, 4, 0x30);
        apic.Write(0x380, 4, 1000);
        Assert.Equal(now + 1000, apic.Deadline);
        now += 400;
        Assert.Equal(600ul, apic.Read(0x390, 4));
        apic.Expire(now);
        Assert.False(apic.Pending);
        now += 700;
        apic.Expire(now);
        Assert.Equal(0x30, apic.Acknowledge());
        Assert.Equal(0ul, apic.Read(0x390, 4));
        Assert.Equal(LocalApic.Never, apic.Deadline);
    }

    [Theory]
    [InlineData(0x0, 2)]
    [InlineData(0x1, 4)]
    [InlineData(0x3, 16)]
    [InlineData(0x8, 32)]
    [InlineData(0xa, 128)]
    [InlineData(0xb, 1)]
    public void The_divider_divides(uint code, int by)
    {
        apic.Write(0x3e0, 4, code);
        apic.Write(0x320, 4, 0x30);
        apic.Write(0x380, 4, 100);
        Assert.Equal(now + 100 * (ulong)by, apic.Deadline);
    }

    [Fact]
    public void Periodic_timer_goes_on_and_does_not_pile_up()
    {
        apic.Write(0x3e0, 4, 0xb);
        apic.Write(0x320, 4, 0x2_0030);
        apic.Write(0x380, 4, 100_000);
        ulong start = now;
        now += 1_050_000;
        apic.Expire(now);
        Assert.Equal(0x30, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        Assert.False(apic.Pending);
        Assert.Equal(start + 1_100_000, apic.Deadline);
        Assert.Equal(50_000ul, apic.Read(0x390, 4));
    }

    [Fact]
    public void A_masked_timer_counts_without_a_deadline()
    {
        apic.Write(0x3e0, 4, 0xb);
        apic.Write(0x320, 4, 0x1_0030);
        apic.Write(0x380, 4, 1000);
        Assert.Equal(LocalApic.Never, apic.Deadline);
        now += 250;
        Assert.Equal(750ul, apic.Read(0x390, 4));
        apic.Write(0x320, 4, 0x30);
        Assert.Equal(now + 750, apic.Deadline);
        apic.Write(0x380, 4, 0);
        Assert.Equal(LocalApic.Never, apic.Deadline);
    }

    // TSC-deadline mode (SDM vol. 3, 12.5.4.1): vector 0x30, not masked.
    private const uint DeadlineMode = 0x4_0030;

    private LocalApic WithDeadlines(ulong tscOffset = 0)
    {
        apic.TscOffset = tscOffset;
        apic.Write(0x320, 4, DeadlineMode);
        return apic;
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(5_000_000_000ul)]
    [InlineData(ulong.MaxValue - 1_000_000_999)]   // the counter is 1,000 before its end
    public void A_deadline_fires_once_when_the_counter_has_reached_it(ulong tscOffset)
    {
        ulong counter = now + tscOffset, deadline = unchecked(counter + 900);
        WithDeadlines(tscOffset).TscDeadline = deadline;
        Assert.Equal((now + 900, deadline), (apic.Deadline, apic.TscDeadline));
        now += 899;
        apic.Expire(now);
        Assert.False(apic.Pending);
        now++;
        apic.Expire(now);
        Assert.Equal(0x30, apic.Acknowledge());
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
        apic.Write(0xb0, 4, 0);
        now += 1_000_000;
        apic.Expire(now);
        Assert.False(apic.Pending);
    }

    [Theory]
    [InlineData(1ul)]
    [InlineData(999_999_999ul)]
    [InlineData(1_000_000_000ul)]
    public void A_deadline_in_the_past_fires_at_once(ulong deadline)
    {
        WithDeadlines().TscDeadline = deadline;
        Assert.Equal(0x30, apic.Acknowledge());
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
    }

    [Fact]
    public void A_deadline_moves_and_zero_takes_it_back()
    {
        WithDeadlines().TscDeadline = now + 1000;
        apic.TscDeadline = now + 50;
        Assert.Equal(now + 50, apic.Deadline);
        apic.TscDeadline = ulong.MaxValue;
        Assert.Equal((LocalApic.Never, ulong.MaxValue), (apic.Deadline, apic.TscDeadline));
        apic.TscDeadline = now + 2000;
        apic.TscDeadline = 0;
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
        now += 5000;
        apic.Expire(now);
        Assert.False(apic.Pending);
    }

    [Fact]
    public void A_deadline_that_has_come_reads_as_zero_and_has_raised_its_interrupt()
    {
        WithDeadlines().TscDeadline = now + 10;
        now += 10;
        Assert.Equal(0ul, apic.TscDeadline);
        Assert.Equal(0x30, apic.Acknowledge());
    }

    [Theory]
    [InlineData(0x0_0030u)]
    [InlineData(0x2_0030u)]
    public void A_change_of_mode_disarms_the_timer(uint other)
    {
        WithDeadlines().TscDeadline = now + 1000;
        apic.Write(0x320, 4, other);
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
        // Here the deadline register reads as zero and takes nothing.
        apic.TscDeadline = now + 1000;
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
        apic.Write(0x380, 4, 1000);
        Assert.NotEqual(LocalApic.Never, apic.Deadline);
        apic.Write(0x320, 4, DeadlineMode);
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
        Assert.Equal((0ul, 0ul), (apic.Read(0x380, 4), apic.Read(0x390, 4)));
    }

    [Fact]
    public void With_deadlines_the_initial_count_takes_nothing_and_the_current_count_is_zero()
    {
        WithDeadlines().Write(0x380, 4, 1000);
        Assert.Equal((0ul, 0ul, LocalApic.Never), (apic.Read(0x380, 4), apic.Read(0x390, 4), apic.Deadline));
        apic.TscDeadline = now + 1000;
        apic.Write(0x380, 4, 0);
        Assert.Equal((now + 1000, 0ul), (apic.Deadline, apic.Read(0x390, 4)));
        apic.Write(0x3e0, 4, 0xa);
        Assert.Equal(now + 1000, apic.Deadline);
    }

    [Fact]
    public void The_mask_hides_a_deadline_without_disarming_it()
    {
        WithDeadlines().TscDeadline = now + 1000;
        apic.Write(0x320, 4, DeadlineMode | 0x1_0000);
        Assert.Equal((LocalApic.Never, now + 1000), (apic.Deadline, apic.TscDeadline));
        apic.Write(0x320, 4, DeadlineMode);
        Assert.Equal(now + 1000, apic.Deadline);
        // One that comes while it is masked is gone.
        apic.Write(0x320, 4, DeadlineMode | 0x1_0000);
        now += 1000;
        apic.Write(0x320, 4, DeadlineMode);
        Assert.Equal((LocalApic.Never, 0ul), (apic.Deadline, apic.TscDeadline));
        Assert.False(apic.Pending);
    }

    [Fact]
    public void A_deadline_follows_the_counter_when_it_is_set()
    {
        WithDeadlines().TscDeadline = now + 1000;
        apic.TscOffset = 400;
        Assert.Equal(now + 600, apic.Deadline);
        apic.TscOffset = 1000;
        Assert.Equal(0x30, apic.Acknowledge());
        Assert.Equal(0ul, apic.TscDeadline);
    }

    [Fact]
    public void An_interrupt_that_was_due_survives_the_next_write_to_the_timer()
    {
        apic.Write(0x3e0, 4, 0xb);
        apic.Write(0x320, 4, 0x30);
        foreach (uint register in (uint[])[0x320, 0x380, 0x3e0])
        {
            apic.Write(0x380, 4, 1000);
            now += 1000;
            apic.Write(register, 4, register == 0x380 ? 0u : apic.Read(register, 4));
            Assert.Equal(0x30, apic.Acknowledge());
            apic.Write(0xb0, 4, 0);
            Assert.False(apic.Pending);
        }
    }

    [Fact]
    public void Edge_inputs_deliver_on_each_event_and_keep_one_while_masked()
    {
        var line = ioApic.Line(4);
        line.Set(true);
        Assert.False(apic.Pending);
        line.Set(false);
        Redirect(4, 0x44);
        Assert.Equal(0x44, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        Redirect(4, 0x44);
        Assert.False(apic.Pending);
        line.Set(true);
        Assert.Equal(0x44, apic.Acknowledge());
        apic.Write(0xb0, 4, 0);
        line.Set(true);
        Assert.True(apic.Pending);
    }

    [Fact]
    public void Level_inputs_wait_for_the_end_of_interrupt()
    {
        var line = ioApic.Line(16);
        Redirect(16, 0x8050);
        line.Set(true);
        Assert.Equal(0x50, apic.Acknowledge());
        line.Set(true);
        Assert.False(apic.Pending);
        ioApic.Write(0, 4, 0x10 + 32);
        Assert.Equal(0xc050ul, ioApic.Read(0x10, 4));
        apic.Write(0xb0, 4, 0);
        Assert.Equal(0x50, apic.Acknowledge());   // still asserted
        line.Set(false);
        apic.Write(0xb0, 4, 0);
        Assert.False(apic.Pending);
    }

    [Fact]
    public void Unmasking_an_asserted_level_input_delivers()
    {
        ioApic.Line(17).Set(true);
        Redirect(17, 0x1_8051);
        Assert.False(apic.Pending);
        Redirect(17, 0x8051);
        Assert.True(apic.Pending);
    }

    [Fact]
    public void Messages_for_other_processors_are_not_delivered()
    {
        Redirect(5, 0x45, destination: 3);
        ioApic.Line(5).Set(true);
        Assert.False(apic.Pending);
        apic.Write(0xd0, 4, 0x0100_0000);
        Redirect(5, 0x845, destination: 1);
        ioApic.Line(5).Set(true);
        Assert.True(apic.Pending);
    }

    [Fact]
    public void Registers_outside_the_table_read_as_zero()
    {
        ioApic.Write(0, 4, 1);
        Assert.Equal(0x17_0020ul, ioApic.Read(0x10, 4));
        ioApic.Write(0, 4, 0x10 + 48);
        ioApic.Write(0x10, 4, 0xffff_ffff);
        Assert.Equal(0ul, ioApic.Read(0x10, 4));
        Assert.Equal(0ul, ioApic.Read(0xffc, 4));
        Assert.Equal(0ul, apic.Read(0x3, 4));
        Assert.Equal(0ul, apic.Read(0xff0, 4));
    }
}
