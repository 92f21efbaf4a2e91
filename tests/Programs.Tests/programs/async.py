"""An event loop with tasks, timers, TCP connections over the loopback interface, and a child process."""
import asyncio, sys

async def answer(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()

async def ask(port, lines):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    total = 0
    for line in lines:
        writer.write(line.encode())
        total += len(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return total

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    while lines := [line for _ in range(100) if (line := sys.stdin.readline())]:
        totals = await asyncio.gather(*(ask(port, lines[i::4]) for i in range(4)))
        print(totals, flush=True)
    child = await asyncio.create_subprocess_exec("/bin/cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print((await child.communicate(b"to a child"))[0], child.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.05)
    except asyncio.TimeoutError:
        print("in time")
    server.close()

asyncio.run(main())
