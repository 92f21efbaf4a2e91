//! Threads with a lock, a map on the heap that is checked, errors, a connection to itself, and what its input says.
const std = @import("std");

const Failure = error{Odd};

fn half(number: u64) Failure!u64 {
    return if (number % 2 == 0) number / 2 else Failure.Odd;
}

const Shared = struct { lock: std.Thread.Mutex = .{}, sum: u64 = 0, odd: u64 = 0 };

fn work(shared: *Shared, first: u64) void {
    var number = first;
    while (number < 4000) : (number += 4) {
        const result = half(number) catch 0;
        shared.lock.lock();
        defer shared.lock.unlock();
        shared.sum += result;
        if (result == 0) shared.odd += 1;
    }
}

fn serve(server: *std.net.StreamServer) void {
    const client = server.accept() catch return;
    defer client.stream.close();
    var buffer: [64]u8 = undefined;
    const count = client.stream.read(&buffer) catch return;
    for (buffer[0..count]) |*letter| letter.* = std.ascii.toUpper(letter.*);
    _ = client.stream.write(buffer[0..count]) catch return;
}

pub fn main() !void {
    var general = std.heap.GeneralPurposeAllocator(.{}){};
    defer if (general.deinit() == .leak) @panic("memory is left");
    const memory = general.allocator();
    const out = std.io.getStdOut().writer();

    var shared = Shared{};
    var threads: [4]std.Thread = undefined;
    for (&threads, 0..) |*thread, first| thread.* = try std.Thread.spawn(.{}, work, .{ &shared, first });
    for (threads) |thread| thread.join();
    try out.print("sum {d}, odd {d}\n", .{ shared.sum, shared.odd });

    var server = std.net.StreamServer.init(.{ .reuse_address = true });
    defer server.deinit();
    try server.listen(try std.net.Address.parseIp("127.0.0.1", 0));
    const serving = try std.Thread.spawn(.{}, serve, .{&server});
    const stream = try std.net.tcpConnectToAddress(server.listen_address);
    defer stream.close();
    _ = try stream.write("through a socket");
    var buffer: [64]u8 = undefined;
    try out.print("{s}\n", .{buffer[0..try stream.read(&buffer)]});
    serving.join();

    var words = std.StringHashMap(u32).init(memory);
    defer {
        var keys = words.keyIterator();
        while (keys.next()) |key| memory.free(key.*);
        words.deinit();
    }
    var input = std.io.bufferedReader(std.io.getStdIn().reader());
    var line: [256]u8 = undefined;
    while (try input.reader().readUntilDelimiterOrEof(&line, '\n')) |text| {
        var parts = std.mem.splitScalar(u8, text, ' ');
        while (parts.next()) |word| {
            const entry = try words.getOrPut(word);
            if (!entry.found_existing) {
                entry.key_ptr.* = try memory.dupe(u8, word);
                entry.value_ptr.* = 0;
            }
            entry.value_ptr.* += 1;
        }
    }
    for ([_][]const u8{ "apple", "zebra", "river" }) |word| try out.print("{s} {d}\n", .{ word, words.get(word) orelse 0 });
    try out.print("{d} words\n", .{words.count()});
}
