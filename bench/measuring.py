# SPDX-License-Identifier: Apache-2.0
"""How a run is timed, what memory it took, and what several runs come to."""

import math
import os
import pathlib
import shutil
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

MIB = 1024 * 1024
GIB = 1024 * MIB
PEAK_EVERY_S = 0.01
REMOVERS = 16
LARGE = MIB  # bytes; of smaller files there are many


def peak_mib(pid):
    """The most memory a process has held so far (VmHWM), in MiB; nothing when it has gone."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


class Peaks(dict):
    """The most memory of each process by its name, in MiB; several of one name: of the largest."""

    def note(self, name, mib):
        if mib is not None:
            self[name] = max(self.get(name, 0), mib)

    def merge(self, others):
        for name, mib in others.items():
            self.note(name, mib)

    def text(self):
        return ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(self.items()))


def run(command, peaks=None, name=None, **kwargs):
    """Seconds that a command took; it must end well.

    Its VmHWM is looked at while it runs: what the kernel tells at the end (ru_maxrss) counts this script too,
    from which it was forked.
    """
    kwargs.setdefault("stdout", subprocess.DEVNULL)
    stop = threading.Event()

    def watch(pid):
        while not stop.wait(PEAK_EVERY_S):
            peaks.note(name, peak_mib(pid))

    begin = time.monotonic()
    process = subprocess.Popen(command, **kwargs)
    watcher = None
    if peaks is not None:
        watcher = threading.Thread(target=watch, args=(process.pid,))
        watcher.start()
    try:
        code = process.wait()
        seconds = time.monotonic() - begin
    finally:
        stop.set()
        if watcher:
            watcher.join()
    if code != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {code}")
    return seconds


def run_and_sync(command, **kwargs):
    """Seconds until the command has ended and all that it wrote is on disk."""
    seconds = run(command, **kwargs)
    begin = time.monotonic()
    os.sync()
    return seconds + time.monotonic() - begin


class Paired:
    """Runs of both sides turn by turn (A B A B ...), so that a drift of the machine hits both alike."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs

    @staticmethod
    def measure(pairs, ours, theirs):
        """`ours` and `theirs` make one run each and give its figure."""
        both = [(ours(), theirs()) for _ in range(pairs)]
        return Paired([a for a, _ in both], [b for _, b in both])

    def ratios(self):
        return [a / b for a, b in zip(self.ours, self.theirs)]


def spread(values, unit="", digits=2):
    """Median, and lowest to highest."""
    text = f"{statistics.median(values):.{digits}f}{unit}"
    return text if len(values) == 1 else f"{text} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def exponent(points):
    """Of the power law that fits (x, y) best, by least squares of the logarithms."""
    xs = [math.log(x) for x, _ in points]
    ys = [math.log(y) for _, y in points]
    x_mean, y_mean = statistics.mean(xs), statistics.mean(ys)
    above = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys))
    below = sum((x - x_mean) ** 2 for x in xs)
    return above / below


def drop_page_cache(files):
    """So that the next reading of `files` is one of the disk; says how it was done."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
        return "page cache dropped by /proc/sys/vm/drop_caches"
    except PermissionError:
        for path in files:
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return "page cache dropped by posix_fadvise of each file"


def machine():
    """What was measured on, in one line."""
    cpu = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    return f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB, Linux {os.uname().release}"


def retire_tree(top):
    """Gives the space of what has been measured back. Its small files stay until all is done: ext4 without a journal
    passes over the inodes of files that were removed in the last minutes, one by one, and whoever makes files next
    would pay for that."""
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.lstat(path).st_size >= LARGE:
                os.unlink(path)


def remove_tree(top):
    """Where files are many and on disk already, each unlink waits for the disk: so, many at once."""
    def clear(folder):
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)

    with ThreadPoolExecutor(REMOVERS) as removers:
        list(removers.map(clear, [folder for folder, _, _ in os.walk(top)]))
    shutil.rmtree(top)


def make_file(path, size):
    """Random bytes, in no more memory than one piece."""
    with open(path, "wb") as file:
        for at in range(0, size, MIB):
            file.write(os.urandom(min(MIB, size - at)))
    return path


def make_tree(directory, count, size, prefix=""):
    """`count` files of random bytes, a hundred to a folder; folders of two trees differ by their prefix."""
    directory.mkdir(exist_ok=True)
    for i in range(count):
        folder = directory / f"{prefix}{i // 100:03d}"
        folder.mkdir(exist_ok=True)
        (folder / f"{i:05d}.bin").write_bytes(os.urandom(size))
    return directory
