"""Threads with queues, locks and barriers, and children of a process with several threads."""
import concurrent.futures, hashlib, queue, subprocess, sys, threading

tasks, results, lock = queue.Queue(), {}, threading.Lock()

def work():
    while (item := tasks.get()) is not None:
        number, line = item
        answer = hashlib.sha1(line.encode() * 50).hexdigest()[:8]
        with lock:
            results[number] = answer

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for line in sys.stdin:
    tasks.put((int(line.split()[0]), line))
for thread in threads:
    tasks.put(None)
for thread in threads:
    thread.join()
print(len(results), hashlib.sha1(str(sorted(results.items())).encode()).hexdigest())
barrier, order = threading.Barrier(4), []
def meet(number):
    barrier.wait()
    with lock:
        order.append(number)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(meet, range(4)))
    print(sorted(order))
    said = pool.map(lambda n: subprocess.run(["/bin/sh", "-c", f"echo child {n}; exit {n}"], capture_output=True), range(4))
    print([(child.stdout.decode(), child.returncode) for child in said])
