#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paired benchmarks: ours and the peer's turn by turn (A B A B ...), so that drift of the machine hits both.

Prints, for each row, both medians, the ratio (ours / theirs; lower is better) and the spread (lowest to highest).
Every run starts with fresh data; what we start we end by process id.
"""

import argparse
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

MIB = 1024 * 1024
GIB = 1024 * MIB


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def timed(command, **kwargs):
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **kwargs)
    return time.monotonic() - begin


class Repository:
    """A local repository of our own programs in a directory that is removed with it."""

    def __init__(self, bin_dir, work, pillars):
        self.bitrepo = str(bin_dir / "bitrepo")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="repository-", dir=work))
        subprocess.run([self.bitrepo, "local", "up", "--dir", str(self.dir), "--pillars", str(pillars)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.env = dict(os.environ, BITREPO_CONFIG=str(self.dir / ".bitrepo.toml"))
        self.client_mib = 0

    def run(self, *arguments, out=subprocess.DEVNULL):
        """Seconds of one command; its peak memory is kept as `client_mib`."""
        begin = time.monotonic()
        process = subprocess.Popen([self.bitrepo, *arguments], env=self.env,
                                   stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"bitrepo {' '.join(arguments)}: exit code {process.returncode}")
        self.client_mib = max(self.client_mib, usage.ru_maxrss // 1024)
        return time.monotonic() - begin

    def memory_mib(self):
        """The most memory (VmHWM) that each daemon and the client have held, in MiB."""
        peaks = {"client": self.client_mib}
        for pid_file in sorted(self.dir.rglob("*.pid")):
            pid = pid_file.read_text().split()[0]
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peaks[pid_file.stem] = int(line.split()[1]) // 1024
        return peaks

    def close(self):
        subprocess.run([self.bitrepo, "local", "down", "--dir", str(self.dir)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir)


class RsyncDaemon:
    """An rsync daemon that takes files into a directory."""

    def __init__(self, work):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="rsync-", dir=work))
        (self.dir / "data").mkdir()
        self.port = free_port()
        config = self.dir / "rsyncd.conf"
        config.write_text(f"port = {self.port}\naddress = 127.0.0.1\nuse chroot = no\n"
                          f"[data]\n  path = {self.dir}/data\n  read only = no\n  uid = {os.getuid()}\n"
                          f"  gid = {os.getgid()}\n")
        self.process = subprocess.Popen(["rsync", "--daemon", "--no-detach", f"--config={config}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit("the rsync daemon does not listen")

    def url(self):
        return f"rsync://127.0.0.1:{self.port}/data/"

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)
        shutil.rmtree(self.dir)


def sync_all():
    os.sync()


def make_tree(directory, count, size):
    directory.mkdir()
    for i in range(count):
        folder = directory / f"{i // 100:03d}"
        folder.mkdir(exist_ok=True)
        (folder / f"{i:05d}.bin").write_bytes(os.urandom(size))


def report(row, ours, theirs, unit="s"):
    def spread(values):
        return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}-{max(values):.2f})"

    ratios = [a / b for a, b in zip(ours, theirs)]
    print(f"{row}\n  ours   {spread(ours)}\n  theirs {spread(theirs)}\n"
          f"  ratio  {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})", flush=True)


def small_files(bin_dir, work, pairs, count=10_000, size=4096):
    """S4: each file its own conversation, durable before its final, against rsync -a to a daemon, then sync."""
    tree = work / "tree"
    make_tree(tree, count, size)
    ours, theirs = [], []
    for _ in range(pairs):
        repository = Repository(bin_dir, work, pillars=1)
        sync_all()
        ours.append(repository.run("put", "-r", str(tree)))
        repository.close()
        daemon = RsyncDaemon(work)
        sync_all()
        begin = time.monotonic()
        subprocess.run(["rsync", "-a", f"{tree}/", daemon.url()], check=True)
        sync_all()
        theirs.append(time.monotonic() - begin)
        daemon.close()
    report(f"S4 put of {count} files of {size} bytes to one pillar / rsync -a to a daemon + sync", ours, theirs)
    shutil.rmtree(tree)


def copy_synced(source, target):
    begin = time.monotonic()
    subprocess.run(["cp", "--reflink=never", str(source), str(target)], check=True)
    with open(target, "rb") as f:
        os.fsync(f.fileno())
    return time.monotonic() - begin


def large_file(bin_dir, work, pairs, size=GIB):
    """1 GiB put to one and to three pillars and got back, each beside a plain copy with sync."""
    source = work / "large.bin"
    with open(source, "wb") as f:
        for _ in range(size // (4 * MIB)):
            f.write(os.urandom(4 * MIB))
    for pillars in (1, 3):
        puts, gets, copies = [], [], []
        peaks = {}
        for _ in range(pairs):
            repository = Repository(bin_dir, work, pillars)
            sync_all()
            puts.append(repository.run("put", str(source), "--id", "large"))
            copies.append(copy_synced(source, work / "copy.bin"))
            gets.append(repository.run("get", "large", "-o", str(work / "got.bin")))
            subprocess.run(["cmp", str(source), str(work / "got.bin")], check=True)
            for name, peak in repository.memory_mib().items():
                peaks[name] = max(peak, peaks.get(name, 0))
            (work / "copy.bin").unlink()
            (work / "got.bin").unlink()
            repository.close()
        report(f"put of 1 GiB to {pillars} pillar(s) / cp + sync", puts, copies)
        report(f"get of 1 GiB from {pillars} pillar(s) / cp + sync", gets, copies)
        print(f"  put {size / MIB / statistics.median(puts):.0f} MiB/s, get {size / MIB / statistics.median(gets):.0f} MiB/s, "
              f"VmHWM {', '.join(f'{n} {p} MiB' for n, p in sorted(peaks.items()))}", flush=True)


def fill(bin_dir, repository, count):
    """`count` tiny files in the one pillar of a repository, written while it is down."""
    local = [repository.bitrepo, "local"]
    subprocess.run([*local, "down", "--dir", str(repository.dir)], check=True, stdout=subprocess.DEVNULL)
    tool = next(p for p in (bin_dir / "fill_store", bin_dir.parent / "bench" / "fill_store") if p.exists())
    store = next(p.parent for p in repository.dir.rglob("catalogue.sqlite"))
    collection = next(p.parent.name for p in store.glob("*/files"))
    subprocess.run([str(tool), str(store), collection, str(count)], check=True)
    begin = time.monotonic()
    subprocess.run([*local, "up", "--dir", str(repository.dir)], check=True, stdout=subprocess.DEVNULL)
    print(f"  start of the pillar with {count} files: {time.monotonic() - begin:.1f} s", flush=True)
    return store / "catalogue.sqlite"


def checksum_list(bin_dir, work, pairs, count=1_000_000):
    """S5: checksums of all files of one pillar to a file, against sqlite3 selecting the same rows."""
    repository = Repository(bin_dir, work, pillars=1)
    catalogue = fill(bin_dir, repository, count)
    copy = work / "catalogue.sqlite"  # the pillar has its own locked
    shutil.copyfile(catalogue, copy)
    wal = catalogue.with_name("catalogue.sqlite-wal")
    if wal.exists():
        shutil.copyfile(wal, copy.with_name("catalogue.sqlite-wal"))
    query = ("SELECT lower(hex(sha256)) || '  ' || file_id FROM generation "
             "ORDER BY collection, file_id;")
    ours, theirs = [], []
    for _ in range(pairs):
        with open(work / "ours.txt", "wb") as out:
            ours.append(repository.run("checksums", "-q", "--format", "sha256sum", out=out))
        with open(work / "theirs.txt", "wb") as out:
            begin = time.monotonic()
            subprocess.run(["sqlite3", str(copy), query], check=True, stdout=out)
            theirs.append(time.monotonic() - begin)
    subprocess.run(["cmp", str(work / "ours.txt"), str(work / "theirs.txt")], check=True)
    report(f"S5 checksums of {count} files of one pillar to a file / sqlite3 selecting the same rows", ours, theirs)
    print(f"  VmHWM {', '.join(f'{n} {p} MiB' for n, p in sorted(repository.memory_mib().items()))}", flush=True)
    repository.close()


def named_list(bin_dir, work, pairs, files=2_000, count=1_000_000):
    """Checksums of a million ids by standard input from three pillars: answered once each, in order."""
    tree = work / "tree"
    make_tree(tree, files, 64)
    repository = Repository(bin_dir, work, pillars=3)
    repository.run("put", "-q", "-r", str(tree))
    names = sorted(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file())
    with open(work / "ids", "w") as ids:
        ids.writelines(f"{names[i * 7919 % files]}\n" for i in range(count))
    times = []
    for _ in range(pairs):
        with open(work / "sums", "wb") as out:
            times.append(repository.run("checksums", "-q", "--format", "sha256sum", "--ids-from", str(work / "ids"),
                                        out=out))
    subprocess.run(f"cut -d' ' -f3- {work}/sums | cmp - {work}/ids", shell=True, check=True)
    print(f"checksums of {count} ids by --ids-from, three pillars: {statistics.median(times):.1f} s, "
          f"VmHWM {', '.join(f'{n} {p} MiB' for n, p in sorted(repository.memory_mib().items()))}", flush=True)
    repository.close()
    shutil.rmtree(tree)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", nargs="?", choices=["small", "large", "lists", "all"], default="all")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="directory of our programs")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="bitrepo-bench-"))
    try:
        if options.row in ("small", "all"):
            small_files(options.bin, work, options.pairs)
        if options.row in ("large", "all"):
            large_file(options.bin, work, options.pairs)
        if options.row in ("lists", "all"):
            named_list(options.bin, work, options.pairs)
            checksum_list(options.bin, work, options.pairs)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
