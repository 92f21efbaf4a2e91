using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Xunit;

namespace Guestos.Mm.Tests;

public sealed unsafe class AddressSpaceTests
{
    private const ulong Base = 0x4000_0000;
    private const uint ReadWrite = Protection.READ | Protection.WRITE;

    public AddressSpaceTests() => SimulatedMachine.Require();

    private static PageRange Range(ulong page, ulong pages)
    {
        Assert.True(PageRange.TryMake(Base + page * Frames.Size, pages * Frames.Size, out PageRange range));
        return range;
    }

    /// <summary>What one address space should be: of each mapped page its protection and the byte at its begin.</summary>
    private sealed class Model(nint space)
    {
        public readonly nint Space = space;
        public readonly SortedDictionary<ulong, (uint Protection, byte Content)> Pages = [];

        public AddressSpace* At => (AddressSpace*)Space;
    }

    /// <summary>
    /// A page at each end of all that a process can map, and no table between: a walk from one to the other passes each missing table of a
    /// higher level at once. A walk that goes on by what a lowest-level table maps takes 2^24 steps.
    /// </summary>
    [Fact]
    public void A_walk_passes_over_what_has_no_table()
    {
        const int Walks = 500;
        AddressSpace* space = AddressSpace.Create();
        ulong last = AddressSpace.End - 2 * Frames.Size;
        foreach (ulong at in new[] { Base, last })
        {
            Assert.True(PageRange.TryMake(at, Frames.Size, out PageRange page));
            Assert.True(AddressSpace.Add(space, page, ReadWrite, AreaFlags.None) != null);
            Assert.True(PageTable.Make(space->Root, at, 0, ref space->TablePages) != null);
        }
        Stopwatch clock = Stopwatch.StartNew();
        for (int i = 0; i < Walks; i++)
        {
            TableWalk tables = new(space->Root, Base, AddressSpace.End);
            Assert.True(tables.MoveNext());
            Assert.Equal(Base, tables.Start);
            Assert.True(tables.MoveNext());
            Assert.InRange(tables.Start, tables.End - (512 * Frames.Size), last);
            Assert.False(tables.MoveNext());
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{i + 1} walks take {clock.Elapsed.TotalSeconds:0} s");
        }
        AddressSpace.Release(space);
    }

    /// <summary>The last page below the end of user addresses is one like others, and its tables are given back.</summary>
    [Fact]
    public void The_last_page_can_be_mapped_and_none_above()
    {
        AddressSpace.Release(AddressSpace.Create());
        ulong before = Frames.Free;
        AddressSpace* space = AddressSpace.Create();
        Assert.True(PageRange.TryMake(AddressSpace.End - Frames.Size, Frames.Size, out PageRange last));
        Assert.False(PageRange.TryMake(AddressSpace.End - Frames.Size, 2 * Frames.Size, out _));
        Assert.False(PageRange.TryMake(AddressSpace.End, Frames.Size, out _));
        Assert.False(PageRange.TryMake(DirectMap.Base, Frames.Size, out _));
        Assert.True(AddressSpace.Add(space, last, ReadWrite, AreaFlags.None) != null);
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, AddressSpace.End - 1, Access.Write, Frames.UserFloor));
        Assert.Equal(FaultResult.NoArea, AddressSpace.Resolve(space, AddressSpace.End, Access.Read, Frames.UserFloor));
        AddressSpace* child = AddressSpace.Fork(space);
        Assert.NotEqual(0ul, PageTable.EntryOf(child->Root, AddressSpace.End - 1));
        AddressSpace.Release(child);
        AddressSpace.Release(space);
        Assert.Equal(before, Frames.Free);
    }

    private static ulong TablesOf(ulong table, int level)
    {
        ulong count = 1;
        for (int i = 0; level > 0 && i < (level == 3 ? PageTable.KernelSlot : PageTable.Entries); i++)
        {
            ulong entry = ((ulong*)DirectMap.At(table))[i];
            if ((entry & PageTable.Present) != 0)
                count += TablesOf(entry & PageTable.AddressMask, level - 1);
        }
        return count;
    }

    /// <summary>
    /// Pages at random in many TiB, each with tables of its own: they count, leave the kernel what is its own, and go with what is unmapped but
    /// for a few, which go with the space.
    /// </summary>
    [Fact]
    public void Tables_count_and_go_with_what_they_map()
    {
        const ulong KeptTables = 32;
        AddressSpace.Release(AddressSpace.Create());
        ulong before = Frames.Free;
        AddressSpace* space = AddressSpace.Create();
        Assert.True(PageRange.TryMake(Base, 16UL << 40, out PageRange wide));
        Random random = new(47);
        List<ulong> touched = [];
        for (int round = 0; round < 3; round++)
        {
            Assert.True(AddressSpace.Add(space, wide, ReadWrite, AreaFlags.NoReserve) != null);
            FaultResult result;
            do
            {
                touched.Add(wide.Start + (ulong)random.NextInt64((long)wide.Pages) * Frames.Size);
                result = AddressSpace.Resolve(space, touched[^1], random.Next(2) == 0 ? Access.Read : Access.Write, Frames.UserFloor);
            }
            while (result == FaultResult.Resolved);
            Assert.Equal(FaultResult.NoMemory, result);
            Assert.InRange(Frames.Free, Frames.KernelReserve - 1, Frames.UserFloor);
            Assert.Equal(TablesOf(space->Root, 3), space->TablePages);
            Assert.Equal(before - Frames.Free, space->HeldFrames);
            // Half of it in pieces, at borders that are those of no table.
            ulong middle = wide.Start + wide.Length / 2;
            foreach (ulong page in touched.Where(page => page < middle))
            {
                Assert.True(PageRange.TryMake(page, Frames.Size, out PageRange piece));
                Assert.True(AddressSpace.Unmap(space, piece));
            }
            Assert.Equal(TablesOf(space->Root, 3), space->TablePages);
            foreach (ulong page in touched.Where(page => page >= middle).Take(100))
                Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, page, Access.Read, Frames.UserFloor));
            Assert.True(AddressSpace.Unmap(space, wide));
            Assert.InRange(space->TablePages, 1ul, KeptTables + 2);
            Assert.Equal((TablesOf(space->Root, 3), 0ul), (space->TablePages, space->ResidentPages));
            touched.Clear();
        }
        AddressSpace.Release(space);
        Assert.Equal(before, Frames.Free);
    }

    /// <summary>Shared memory without a file, seen at three places, and what mremap(2) leaves when it leaves the old place mapped.</summary>
    [Fact]
    public void What_is_shared_can_be_seen_twice_and_a_place_be_left_empty()
    {
        ulong before = Frames.Free;
        AddressSpace* space = AddressSpace.Create();
        AddressSpace.Add(space, Range(0, 4), ReadWrite, AreaFlags.Shared);
        for (ulong page = 0; page < 4; page++)
            Assert.Equal(FaultResult.Resolved, AddressSpace.BringIn(space, Base + page * Frames.Size, Frames.UserFloor));
        Assert.Equal((long)(Base + 5000 * Frames.Size), AddressSpace.Duplicate(space, AddressSpace.AreaAtOrAbove(space, Base), Base + Frames.Size, Range(5000, 2)));
        Assert.Equal((long)(Base + 9000 * Frames.Size), AddressSpace.Move(space, Range(0, 4), Range(9000, 4), stays: true));
        ulong Frame(ulong page) => PageTable.EntryOf(space->Root, Base + page * Frames.Size) & PageTable.AddressMask;
        for (ulong page = 0; page < 4; page++)
            Assert.Equal((Frame(page), page is 1 or 2 ? 3u : 2u), (Frame(9000 + page), Frames.References(Frame(page))));
        Assert.Equal((Frame(1), Frame(2), 10ul), (Frame(5000), Frame(5001), space->ResidentPages));
        PageCounts counts = default;
        AddressSpace.CountPages(space, AddressSpace.AreaAtOrAbove(space, Base), &counts);
        Assert.Equal((4ul, 4ul, 0ul, (2 * Frames.Size / 2 + 2 * (Frames.Size * PageCounts.ShareUnit / 3) / PageCounts.ShareUnit) >> 10),
            (counts.Resident, counts.SharedDirty, counts.Anonymous, counts.Share / PageCounts.ShareUnit >> 10));
        // What is private is left as if nobody had touched it.
        AddressSpace.Add(space, Range(100, 2), ReadWrite, AreaFlags.Locked);
        AddressSpace.Resolve(space, Base + 100 * Frames.Size, Access.Write, Frames.UserFloor);
        ulong frame = Frame(100);
        Assert.Equal((long)(Base + 200 * Frames.Size), AddressSpace.Move(space, Range(100, 2), Range(200, 2), stays: true));
        Assert.Equal((0ul, frame, 1u, 2ul), (Frame(100), Frame(200), Frames.References(frame), space->LockedPages));
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + 100 * Frames.Size, Access.Read, Frames.UserFloor));
        AddressSpace.Release(space);
        Assert.Equal(before, Frames.Free);
    }

    /// <summary>Mapping, protecting, touching, unmapping and forking at random, beside a model, down to the last frame.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Spaces_hold_what_was_written_to_them_and_give_everything_back(int seed)
    {
        const ulong Pages = 1500;       // three tables of the lowest level
        AddressSpace.Release(AddressSpace.Create());
        ulong before = Frames.Free;
        Random random = new(seed);
        List<Model> models = [new((nint)AddressSpace.Create())];
        for (int step = 0; step < 3000; step++)
        {
            Model model = models[random.Next(models.Count)];
            ulong page = (ulong)random.Next((int)Pages), count = (ulong)random.Next(1, random.Next(2) == 0 ? 6 : 90);
            uint protection = (uint)random.Next(8);
            switch (random.Next(12))
            {
                case 0:
                    Assert.True(AddressSpace.Unmap(model.At, Range(page, count)));
                    for (ulong i = page; i < page + count; i++)
                        model.Pages.Remove(i);
                    break;
                case 1 or 2:
                    bool isFree = Enumerable.Range((int)page, (int)count).All(i => !model.Pages.ContainsKey((ulong)i));
                    Assert.Equal(isFree, AddressSpace.IsFree(model.At, Range(page, count)));
                    if (!isFree)
                        break;
                    Assert.True(AddressSpace.Add(model.At, Range(page, count), protection, AreaFlags.None) != null);
                    for (ulong i = page; i < page + count; i++)
                        model.Pages[i] = (protection, 0);
                    break;
                case 3:
                    bool isMapped = Enumerable.Range((int)page, (int)count).All(i => model.Pages.ContainsKey((ulong)i));
                    Assert.Equal(isMapped ? 0 : Errno.ENOMEM, AddressSpace.Protect(model.At, Range(page, count), protection));
                    for (ulong i = page; isMapped && i < page + count; i++)
                        model.Pages[i] = (protection, model.Pages[i].Content);
                    break;
                case 4 when models.Count < 4:
                    Model child = new((nint)AddressSpace.Fork(model.At));
                    foreach ((ulong key, (uint, byte) value) in model.Pages)
                        child.Pages[key] = value;
                    models.Add(child);
                    break;
                case 5 when models.Count > 1:
                    AddressSpace.Release(model.At);
                    models.Remove(model);
                    continue;
                default:
                    // Half of the time one of a few, so that what several spaces share is written to, and looked at afterwards.
                    int known = random.Next(2) == 0 ? Math.Min(model.Pages.Count, 12) : model.Pages.Count;
                    Touch(model, known > 0 && random.Next(8) > 0 ? model.Pages.Keys.ElementAt(random.Next(known)) : page, (Access)random.Next(3), (byte)step);
                    break;
            }
            Check(model);
        }
        foreach (Model model in models)
            AddressSpace.Release(model.At);
        Assert.Equal(before, Frames.Free);
    }

    private static void Touch(Model model, ulong page, Access access, byte value)
    {
        FaultResult result = Allows(PageTable.EntryOf(model.At->Root, Base + page * Frames.Size), access) ? FaultResult.Resolved
            : AddressSpace.Resolve(model.At, Base + page * Frames.Size + 5, access, Frames.UserFloor);
        if (!model.Pages.TryGetValue(page, out (uint Protection, byte Content) known))
        {
            Assert.Equal(FaultResult.NoArea, result);
            return;
        }
        uint needed = access == Access.Write ? Protection.WRITE : access == Access.Execute ? Protection.EXEC : 7;
        Assert.Equal((known.Protection & needed) != 0 ? FaultResult.Resolved : FaultResult.NoPermission, result);
        if (result != FaultResult.Resolved)
            return;
        ulong entry = PageTable.EntryOf(model.At->Root, Base + page * Frames.Size);
        Assert.Equal(entry, *PageTable.Find(model.At->Root, Base + page * Frames.Size));
        Assert.Equal((known.Protection & Protection.EXEC) == 0, (entry & PageTable.ExecuteDisable) != 0);
        byte* content = DirectMap.At(entry & PageTable.AddressMask);
        Assert.Equal(known.Content, *content);
        if (access != Access.Write)
            return;
        Assert.NotEqual(0ul, entry & PageTable.ReadWrite);
        *content = value;
        model.Pages[page] = (known.Protection, value);
    }

    /// <summary>The processor asks nobody where the entry allows the access.</summary>
    private static bool Allows(ulong entry, Access access) => (entry & PageTable.Present) != 0 && access switch
    {
        Access.Write => (entry & PageTable.ReadWrite) != 0,
        Access.Execute => (entry & PageTable.ExecuteDisable) == 0,
        _ => true,
    };

    private static void Check(Model model)
    {
        AddressSpace* space = model.At;
        Assert.Equal((ulong)model.Pages.Count, space->TotalPages);
        ulong covered = 0;
        int areas = 0;
        for (Area* area = space->FirstArea; area != null; area = area->Next)
        {
            Assert.True(area->Next == null || area->End <= area->Next->Start && area->Next->Previous == area);
            Assert.True(AddressSpace.AreaAtOrAbove(space, area->Start) == area && AddressSpace.AreaAtOrAbove(space, area->End - 1) == area);
            Assert.Equal(area->Protection, model.Pages[(area->Start - Base) / Frames.Size].Protection);
            covered += (area->End - area->Start) / Frames.Size;
            areas++;
        }
        Assert.Equal((ulong)model.Pages.Count, covered);
        Assert.Equal(space->AreaCount, areas);
    }

    [Fact]
    public void Pages_of_a_file_are_shared_until_they_are_written_and_gone_when_it_is_cut()
    {
        MemoryObject file = new() { Size = 3 * Frames.Size + 100 };
        AddressSpace* space = AddressSpace.Create();
        ulong end = Base + 4 * Frames.Size;
        Assert.True(AddressSpace.Add(space, Range(0, 4), ReadWrite, AreaFlags.None, &file, 0, end) != null);
        Assert.Equal((1, 1), (File.References, file.Mappings));
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + Frames.Size, Access.Read, Frames.UserFloor));
        ulong entry = PageTable.EntryOf(space->Root, Base + Frames.Size);
        Assert.Equal((File.PageFrame(&file, 1, false), 0ul), (entry & PageTable.AddressMask, entry & PageTable.ReadWrite));
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + Frames.Size, Access.Write, Frames.UserFloor));
        ulong copy = PageTable.EntryOf(space->Root, Base + Frames.Size) & PageTable.AddressMask;
        Assert.NotEqual(entry & PageTable.AddressMask, copy);
        Assert.Equal(File.ByteAt(Frames.Size + 9), DirectMap.At(copy)[9]);
        // The last page is the file's for 100 bytes, zeros behind.
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + 3 * Frames.Size, Access.Read, Frames.UserFloor));
        byte* last = DirectMap.At(PageTable.EntryOf(space->Root, Base + 3 * Frames.Size) & PageTable.AddressMask);
        Assert.Equal((File.ByteAt(3 * Frames.Size + 99), (byte)0), (last[99], last[100]));
        file.Size = Frames.Size;
        AddressSpace.FileCut(&file);
        Assert.Equal(0ul, PageTable.EntryOf(space->Root, Base + Frames.Size));
        Assert.Equal(FaultResult.FileEnded, AddressSpace.Resolve(space, Base + 2 * Frames.Size, Access.Read, Frames.UserFloor));
        AddressSpace.SetExecutable(space, &file);
        Assert.Equal((2, 1), (File.References, file.Executions));
        AddressSpace.Release(space);
        Assert.Equal((0, 0, 0), (File.References, file.Mappings, file.Executions));
        File.FreeFrames();
    }

    [Fact]
    public void A_shared_page_of_a_file_is_the_file_s_own_in_every_space_and_gone_when_it_is_cut()
    {
        MemoryObject file = new() { Size = 3 * Frames.Size };
        AddressSpace* space = AddressSpace.Create();
        ulong end = Base + 4 * Frames.Size;
        Assert.True(AddressSpace.Add(space, Range(0, 4), ReadWrite, AreaFlags.Shared, &file, 0, end) != null);
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base, Access.Read, Frames.UserFloor));
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + Frames.Size, Access.Write, Frames.UserFloor));
        AddressSpace* child = AddressSpace.Fork(space);
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(child, Base + 2 * Frames.Size, Access.Write, Frames.UserFloor));
        for (ulong page = 0; page < 3; page++)
            foreach (nint one in new[] { (nint)space, (nint)child })
            {
                Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve((AddressSpace*)one, Base + page * Frames.Size, Access.Write, Frames.UserFloor));
                ulong entry = PageTable.EntryOf(((AddressSpace*)one)->Root, Base + page * Frames.Size);
                Assert.Equal((File.PageFrame(&file, page, false), PageTable.ReadWrite), (entry & PageTable.AddressMask, entry & PageTable.ReadWrite));
            }

        Assert.Equal(FaultResult.FileEnded, AddressSpace.Resolve(space, Base + 3 * Frames.Size, Access.Write, Frames.UserFloor));
        file.Size = Frames.Size;
        AddressSpace.FileCut(&file);
        Assert.Equal(0ul, PageTable.EntryOf(child->Root, Base + Frames.Size));
        Assert.Equal(FaultResult.FileEnded, AddressSpace.Resolve(child, Base + Frames.Size, Access.Read, Frames.UserFloor));
        Assert.Equal(0, AddressSpace.Protect(space, Range(0, 4), Protection.READ));
        AddressSpace.AreaAtOrAbove(space, Base)->Flags |= AreaFlags.NeverWritable;
        Assert.Equal(Errno.EACCES, AddressSpace.Protect(space, Range(0, 4), ReadWrite));
        AddressSpace.Release(child);
        AddressSpace.Release(space);
        Assert.Equal((0, 0), (File.References, file.Mappings));
        File.FreeFrames();
    }

    [Fact]
    public void A_stack_grows_to_its_limit_and_not_into_its_neighbour()
    {
        AddressSpace* space = AddressSpace.Create();
        Area* stack = AddressSpace.Add(space, Range(1000, 1), ReadWrite, AreaFlags.GrowsDown);
        SimulatedMachine.StackLimit = 100 * Frames.Size;
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + 901 * Frames.Size, Access.Write, Frames.UserFloor));
        Assert.Equal((Base + 901 * Frames.Size, 100ul), (stack->Start, space->TotalPages));
        Assert.Equal(FaultResult.NoArea, AddressSpace.Resolve(space, Base + 900 * Frames.Size, Access.Write, Frames.UserFloor));
        SimulatedMachine.StackLimit = ulong.MaxValue;
        AddressSpace.Add(space, Range(850, 1), ReadWrite, AreaFlags.None);
        Assert.Equal(FaultResult.NoArea, AddressSpace.Resolve(space, Base + 851 * Frames.Size, Access.Write, Frames.UserFloor));
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + 852 * Frames.Size, Access.Write, Frames.UserFloor));
        AddressSpace.Release(space);
    }

    [Fact]
    public void Room_in_the_second_GiB_does_not_draw_other_mappings_there()
    {
        AddressSpace* space = AddressSpace.Create();
        Assert.True(AddressSpace.FindLowRoom(space, Frames.Size, out PageRange first));
        Assert.Equal(AddressSpace.LowTop, first.End);
        Assert.True(AddressSpace.Add(space, first, ReadWrite, AreaFlags.None) != null);
        Assert.True(AddressSpace.FindLowRoom(space, 1 << 20, out PageRange second));
        Assert.Equal(first.Start, second.End);
        Assert.True(AddressSpace.Add(space, second, ReadWrite, AreaFlags.None) != null);
        Assert.False(AddressSpace.FindLowRoom(space, 1 << 30, out _));
        Assert.True(AddressSpace.Unmap(space, second));
        Assert.True(AddressSpace.FindRoom(space, Frames.Size, out PageRange room));
        Assert.Equal(AddressSpace.MapTop, room.End);
        AddressSpace.Release(space);
    }

    [Fact]
    public void What_is_only_read_takes_no_frame()
    {
        AddressSpace* space = AddressSpace.Create();
        AddressSpace.Add(space, Range(0, 8), ReadWrite, AreaFlags.None);
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base, Access.Write, Frames.UserFloor));
        ulong free = Frames.Free;
        for (ulong page = 1; page < 8; page++)
            Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base + page * Frames.Size, Access.Read, Frames.UserFloor));
        Assert.Equal((free, 1ul), (Frames.Free, space->ResidentPages));
        AddressSpace* child = AddressSpace.Fork(space);
        free = Frames.Free;
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(child, Base + 3 * Frames.Size, Access.Write, Frames.UserFloor));
        *DirectMap.At(PageTable.EntryOf(child->Root, Base + 3 * Frames.Size) & PageTable.AddressMask) = 7;
        Assert.Equal(FaultResult.Resolved, AddressSpace.BringIn(space, Base + 4 * Frames.Size, Frames.UserFloor));
        Assert.Equal((free - 2, 2ul, 2ul), (Frames.Free, space->ResidentPages, child->ResidentPages));
        Assert.Equal(0, *DirectMap.At(PageTable.EntryOf(space->Root, Base + 3 * Frames.Size) & PageTable.AddressMask));
        AddressSpace.Release(child);
        AddressSpace.DropPages(space, Range(0, 8));
        Assert.Equal(0ul, space->ResidentPages);
        AddressSpace.Release(space);
    }

    [Fact]
    public void What_moves_keeps_its_bytes_and_what_is_found_is_free()
    {
        AddressSpace* space = AddressSpace.Create();
        AddressSpace.Add(space, Range(0, 4), ReadWrite, AreaFlags.None);
        AddressSpace.Resolve(space, Base + Frames.Size, Access.Write, Frames.UserFloor);
        ulong frame = PageTable.EntryOf(space->Root, Base + Frames.Size) & PageTable.AddressMask;
        Assert.True(AddressSpace.FindRoom(space, 6 * Frames.Size, out PageRange room));
        Assert.True(AddressSpace.IsFree(space, room) && room.End == AddressSpace.MapTop);
        Assert.Equal((long)room.Start, AddressSpace.Move(space, Range(0, 4), room, stays: false));
        Assert.Equal(frame, PageTable.EntryOf(space->Root, room.Start + Frames.Size) & PageTable.AddressMask);
        Assert.True(AddressSpace.IsFree(space, Range(0, 4)));
        Assert.True(AddressSpace.FindRoom(space, Frames.Size, out PageRange below) && below.End == room.Start);
        AddressSpace.Release(space);
    }

    /// <summary>Locked and private writable pages are counts that follow mapping, protecting, locking, growing, cutting and joining.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_sums_over_areas_are_what_a_walk_over_them_gives(int seed)
    {
        Random random = new(seed);
        AddressSpace* space = AddressSpace.Create();
        AddressSpace.Add(space, Range(2000, 1), ReadWrite, AreaFlags.GrowsDown | AreaFlags.Locked);
        for (int step = 0; step < 2000; step++)
        {
            PageRange range = Range((ulong)random.Next(300), (ulong)random.Next(1, 20));
            AreaFlags flags = (random.Next(2) == 0 ? AreaFlags.Locked : AreaFlags.None) | (random.Next(3) == 0 ? AreaFlags.Shared : AreaFlags.None);
            switch (random.Next(6))
            {
                case 0:
                    AddressSpace.Unmap(space, range);
                    break;
                case 1 or 2 when AddressSpace.IsFree(space, range):
                    AddressSpace.Add(space, range, (uint)random.Next(8), flags);
                    break;
                case 3:
                    AddressSpace.Protect(space, range, (uint)random.Next(8));
                    break;
                case 4:
                    bool isLocked = random.Next(2) == 0;
                    Assert.True(AddressSpace.SetLocked(space, range, isLocked));
                    for (Area* area = AddressSpace.AreaAtOrAbove(space, range.Start); area != null && area->Start < range.End; area = area->Next)
                        Assert.Equal(isLocked, area->Locked);
                    break;
                case 5:
                    AddressSpace.Resolve(space, Base + (ulong)(2000 - step / 4) * Frames.Size, Access.Write, Frames.UserFloor);
                    break;
            }
            ulong total = 0, locked = 0, data = 0;
            for (Area* area = space->FirstArea; area != null; area = area->Next)
            {
                total += area->Pages;
                locked += area->Locked ? area->Pages : 0;
                data += !area->Shared && !area->GrowsDown && (area->Protection & Protection.WRITE) != 0 ? area->Pages : 0;
            }
            Assert.Equal((total, locked, data), (space->TotalPages, space->LockedPages, space->DataPages));
        }
        AddressSpace* child = AddressSpace.Fork(space);
        Assert.Equal((space->TotalPages, 0ul, space->DataPages), (child->TotalPages, child->LockedPages, child->DataPages));
        AddressSpace.Release(child);
        AddressSpace.Release(space);
    }

    [Fact]
    public void There_are_no_more_areas_than_their_limit()
    {
        AddressSpace* space = AddressSpace.Create();
        for (ulong i = 0; i < AddressSpace.MaxAreas; i++)
            Assert.True(AddressSpace.Add(space, Range(2 * i, 1), Protection.READ, AreaFlags.None) != null);
        Assert.True(AddressSpace.Add(space, Range(2 * AddressSpace.MaxAreas, 1), Protection.READ, AreaFlags.None) == null);
        Assert.True(AddressSpace.Unmap(space, Range(0, 1)));
        Assert.True(AddressSpace.Add(space, Range(2 * AddressSpace.MaxAreas, 1), Protection.READ, AreaFlags.None) != null);
        AddressSpace.Release(space);
    }

    /// <summary>The processor must forget what it has cached of an entry that was taken back.</summary>
    [Fact]
    public void What_is_unmapped_dropped_moved_or_protected_is_invalidated()
    {
        AddressSpace* space = AddressSpace.Create();
        AddressSpace.Add(space, Range(0, 8), ReadWrite, AreaFlags.None);
        for (ulong page = 0; page < 8; page++)
            AddressSpace.Resolve(space, Base + page * Frames.Size, Access.Write, Frames.UserFloor);
        void AssertInvalidates(ulong page, Action act)
        {
            Board.Processor.Invalidated.Clear();
            act();
            Assert.Equal([Base + page * Frames.Size], Board.Processor.Invalidated);
        }
        nint at = (nint)space;
        AssertInvalidates(1, () => AddressSpace.Protect((AddressSpace*)at, Range(1, 1), Protection.READ));
        AssertInvalidates(2, () => AddressSpace.DropPages((AddressSpace*)at, Range(2, 1)));
        AssertInvalidates(3, () => AddressSpace.Unmap((AddressSpace*)at, Range(3, 1)));
        AssertInvalidates(4, () => AddressSpace.Move((AddressSpace*)at, Range(4, 1), Range(100, 1), stays: false));
        AddressSpace.Release(space);
    }

    private static ulong Mark(ulong* entry, ulong value) =>
        (value & PageTable.ReadWrite) != 0 ? value & ~PageTable.ReadWrite | PageTable.WasWritable : value;

    [Fact]
    public void Whoever_wants_to_see_writes_has_a_word_in_every_entry()
    {
        AddressSpace* space = AddressSpace.Create();
        AddressSpace.Add(space, Range(0, 2), ReadWrite, AreaFlags.None);
        MmuNotifier.EntryChanges = &Mark;
        Assert.Equal(FaultResult.Resolved, AddressSpace.Resolve(space, Base, Access.Write, Frames.UserFloor));
        ulong entry = PageTable.EntryOf(space->Root, Base);
        Assert.Equal(PageTable.WasWritable, entry & (PageTable.ReadWrite | PageTable.WasWritable));
        Assert.True(PageTable.IsWritable(entry));
        MmuNotifier.EntryChanges = null;
        AddressSpace.Release(space);
    }

    [Fact]
    public void The_kernels_tables_map_code_read_only_and_data_without_execution()
    {
        ulong Bits(ulong address) => PageTable.EntryOf(PageTable.KernelRoot, address) & (PageTable.Present | PageTable.ReadWrite | PageTable.ExecuteDisable | PageTable.UserSupervisor);
        Assert.Equal(PageTable.Present, Bits(KernelImage.TextStart()));
        Assert.Equal(PageTable.Present | PageTable.ExecuteDisable, Bits(KernelImage.RodataStart()));
        Assert.Equal(PageTable.Present | PageTable.ExecuteDisable | PageTable.ReadWrite, Bits(KernelImage.DataStart()));
        Assert.Equal(PageTable.Present | PageTable.ExecuteDisable | PageTable.ReadWrite, Bits(DirectMap.Base + Board.IoApic.Physical));
        Assert.Equal(0ul, Bits(DirectMap.Base + SimulatedMachine.Size));
    }
}
