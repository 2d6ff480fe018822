# tries: more threads than a box may have
# must: they are refused within the limit of processes
import threading

from attempt import contained, must

threading.stack_size(64 * 1024)
end = threading.Event()
threads = []
try:
    while len(threads) < 5000:
        threads.append(threading.Thread(target=end.wait))
        threads[-1].start()
except (RuntimeError, MemoryError):
    threads.pop()
count = len(threads)
end.set()
for thread in threads:
    thread.join()
must(count < 2048, f"{count} threads")
contained()
