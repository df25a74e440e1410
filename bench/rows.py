# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: each one piece of work done by us and by a peer, turn by turn."""

import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
from contextlib import closing

from big_store import BigStore
from bus_pair import BusPair, gets_in_one_process
from measuring import (GIB, MIB, Paired, Peaks, drop_page_cache, make_file, make_tree, retire_tree, run,
                       run_and_sync)
from peers import Nginx, RawBus, RsyncDaemon
from repository import repository
from results import Row


class Bench:
    """What every row needs, and what several of them share."""

    def __init__(self, programs, work, pairs, quick):
        self.programs, self.work, self.pairs, self.quick = programs, work, pairs, quick
        self._big_store = None
        self._large = {}

    def size(self, full, small):
        """The size of the work, or that of a smoke run."""
        return small if self.quick else full

    def large(self, size):
        """A file of random bytes; made once for each size."""
        if size not in self._large:
            self._large[size] = make_file(self.work / f"large-{size}.bin", size)
            os.sync()
        return self._large[size]

    def folder(self, name):
        """An empty one."""
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.work))

    def big_store(self, count):
        """A pillar with so many files; filled further where it has fewer."""
        if self._big_store is not None and self._big_store.count > count:
            self._big_store.close()
            self._big_store = None
        if self._big_store is None:
            self._big_store = BigStore(self.programs, self.work)
        self._big_store.grow_to(count)
        return self._big_store

    def close(self):
        if self._big_store is not None:
            self._big_store.close()


def shown(size):
    return f"{size // GIB} GiB" if size % GIB == 0 else f"{size // MIB} MiB"


def our_put(bench, source, pillars, peaks):
    """Seconds of one put to fresh pillars."""
    with repository(bench.programs, bench.work, pillars) as ours:
        seconds = ours.run("put", "-q", str(source), "--id", "large")
        peaks.merge(ours.peaks())
    return seconds


def nginx_put(bench, source, peaks):
    """Seconds of one upload to a fresh server, and of the sync that makes it last."""
    with closing(Nginx(bench.work)) as nginx:
        os.sync()
        seconds = run_and_sync(nginx.put_command(source, "large"), peaks=peaks, name="curl")
        peaks.merge(nginx.peaks())
    os.sync()
    return seconds


def put_one(bench):
    size = bench.size(GIB, 8 * MIB)
    source = bench.large(size)
    peaks = Peaks()
    both = Paired.measure(bench.pairs, lambda: our_put(bench, source, 1, peaks),
                          lambda: nginx_put(bench, source, peaks))
    return Row("S1", f"put of {shown(size)} to one pillar / `curl -T` to nginx + sync",
               "`bitrepo put FILE --id large`; digest verified by both ends, durable before the final",
               "`curl -T FILE http://.../large`, then `sync`; no digest anywhere",
               goal=1.0, memory=peaks.text()).paired(both)


def get_one(bench):
    size = bench.size(GIB, 8 * MIB)
    source = bench.large(size)
    peaks = Peaks()
    target = bench.work / "got.bin"
    with repository(bench.programs, bench.work) as ours, closing(Nginx(bench.work)) as nginx:
        ours.run("put", "-q", str(source), "--id", "large")
        shutil.copyfile(source, nginx.dir / "data" / "large")
        os.sync()

        def timed(run_it):
            target.unlink(missing_ok=True)
            os.sync()
            seconds = run_it()
            subprocess.run(["cmp", str(source), str(target)], check=True)
            return seconds

        both = Paired.measure(
            bench.pairs, lambda: timed(lambda: ours.run("get", "-q", "large", "-o", str(target))),
            lambda: timed(lambda: run_and_sync(nginx.get_command("large", target), peaks=peaks, name="curl")))
        peaks.merge(ours.peaks())
        peaks.merge(nginx.peaks())
    target.unlink()
    return Row("S2", f"get of {shown(size)} to a file / `curl` from nginx + sync",
               "`bitrepo get large -o FILE`; blocks and digest verified, the file synced before it has its name",
               "`curl -o FILE http://.../large`, then `sync`; nothing verified",
               goal=0.8, memory=peaks.text(),
               note="the files of both servers are in the page cache").paired(both)


def put_three(bench):
    size = bench.size(GIB, 8 * MIB)
    source = bench.large(size)
    peaks = Peaks()
    both = Paired.measure(bench.pairs, lambda: our_put(bench, source, 3, peaks),
                          lambda: 3 * our_put(bench, source, 1, Peaks()))
    return Row("S3", f"put of {shown(size)} to three pillars / three times a put to one",
               "`bitrepo put FILE --id large`, three pillars", "three times the seconds of the same with one pillar",
               goal=0.75, memory=peaks.text()).paired(both)


def our_tree(bench, tree, peaks):
    with repository(bench.programs, bench.work) as ours:
        seconds = ours.run("put", "-q", "-r", str(tree))
        peaks.merge(ours.peaks())
    return seconds


def rsync_tree(bench, tree, peaks):
    with closing(RsyncDaemon(bench.work)) as daemon:
        os.sync()
        seconds = run_and_sync(["rsync", "-a", f"{tree}/", daemon.url()], peaks=peaks, name="rsync")
    os.sync()
    return seconds


def put_small(bench):
    count, size = bench.size(10_000, 100), 4096
    tree = make_tree(bench.folder("tree"), count, size)
    peaks = Peaks()
    both = Paired.measure(bench.pairs, lambda: our_tree(bench, tree, peaks), lambda: rsync_tree(bench, tree, peaks))
    return Row("S4", f"put of {count:,} files of {size} bytes to one pillar / `rsync -a` to a daemon + sync",
               "`bitrepo put -r TREE`; each file its own conversation, durable before its final",
               "`rsync -a TREE/ rsync://.../data/`, then `sync`; durable only at the end, nothing verified later",
               goal=1.5, memory=peaks.text()).paired(both)


def list_checksums(bench):
    count = bench.size(1_000_000, 2_000)
    big = bench.big_store(count)
    both = Paired.measure(bench.pairs, big.our_list, big.their_list)
    peaks = big.peaks()
    big.compare()
    return Row("S5", f"checksums of {count:,} files of one pillar to a file / `sqlite3` selecting the same rows",
               "`bitrepo checksums --format sha256sum > FILE`",
               "`sqlite3 catalogue.sqlite \"SELECT ... ORDER BY collection, file_id\" > FILE`, a copy of the "
               "pillar's catalogue", goal=3, memory=peaks.text(),
               note="client and pillar are to stay below 150 MiB each").paired(both)


def small_get(bench):
    count = bench.size(2_000, 50)
    peaks = Peaks()
    with repository(bench.programs, bench.work) as ours, closing(RawBus(bench.programs)) as raw:
        source = make_file(bench.work / "small.bin", 4096)
        ours.run("put", "-q", str(source), "--id", "small")
        both = Paired.measure(bench.pairs, lambda: gets_in_one_process(ours, "small", count)["p50_us"],
                              lambda: raw.ask(count, window=1, size=200, trips=2)["p50_us"])
        peaks.merge(ours.peaks())
        peaks.merge(raw.peaks())
    return Row("S6", "identify and get of a 4 KiB file to memory, one at a time / two raw ZeroMQ hub round trips",
               f"`small_gets`: {count:,} gets in one process, connections warm; p50",
               "`raw_bus`: client, hub, worker and back, twice, 200 bytes, nothing checked; p50",
               unit="us", goal=3, memory=peaks.text()).paired(both)


def bus_rate(bench):
    count = bench.size(100_000, 1_000)
    peaks = Peaks()
    with closing(BusPair(bench.programs, bench.work)) as ours, closing(RawBus(bench.programs)) as raw:
        both = Paired.measure(bench.pairs, lambda: ours.ask(count, window=128, size=200)["per_second"],
                              lambda: raw.ask(count, window=128, size=200, trips=1)["per_second"])
        peaks.merge(ours.peaks())
        peaks.merge(raw.peaks())
    return Row("S7", f"{count:,} requests of 200 bytes with replies over the bus, 128 under way / the bare hub",
               "`bus_load`: a client and a pillar, each envelope sealed, judged, routed by `bitrepo-coordinator` "
               "with its watch stream, and opened; unsigned",
               "`raw_bus`: the same frames by a bare ROUTER hub, nothing checked",
               unit="/s", goal=0.5, more_is_better=True, memory=peaks.text()).paired(both)


def fresh_checksums(bench):
    files, size = bench.size(64, 4), bench.size(64 * MIB, MIB)
    tree = bench.folder("fresh")
    for i in range(files):
        make_file(tree / f"{i:02d}.bin", size)
    with repository(bench.programs, bench.work) as ours:
        ours.run("put", "-q", "-r", str(tree))
        ours.client_peaks.clear()  # of the put
        retire_tree(tree)
        stored = sorted(path for path in ours.store().glob("*/files/**/*") if path.is_file())
        how = drop_page_cache(stored)
        our_list, their_list = bench.work / "ours.txt", bench.work / "theirs.txt"

        def our_run():
            drop_page_cache(stored)
            with open(our_list, "wb") as out:
                return ours.run("checksums", "--fresh", "-q", "--format", "sha256sum", out=out)

        names = b"\0".join(os.fsencode(path) for path in stored)

        def their_run():
            drop_page_cache(stored)
            (bench.work / "names").write_bytes(names)
            with open(their_list, "wb") as out, open(bench.work / "names", "rb") as named:
                return run(["xargs", "-0", "-n", "4", "-P", str(os.cpu_count()), "openssl", "dgst", "-sha256"],
                           stdin=named, stdout=out)

        both = Paired.measure(bench.pairs, our_run, their_run)
        peaks = ours.peaks()
        ours_say = sorted(line.split()[0] for line in our_list.read_text().splitlines())
        they_say = sorted(line.split()[-1] for line in their_list.read_text().splitlines())
        if ours_say != they_say:
            raise SystemExit("S9: the digests differ")
    return Row("S9", f"fresh checksums of {files} files of {shown(size)}, past the page cache / `openssl dgst`",
               "`bitrepo checksums --fresh --format sha256sum`",
               "`xargs -P CORES openssl dgst -sha256` over the same files", goal=1.1, memory=peaks.text(),
               note=how).paired(both)


def start_big(bench):
    count = bench.size(1_000_000, 2_000)
    big = bench.big_store(count)
    starts, memory = [], []
    for _ in range(bench.pairs):
        seconds, mib = big.restart()
        starts.append(seconds)
        memory.append(mib)
    return Row("S10", f"start of a pillar with {count:,} files, until it is ready",
               "`bitrepo local up`: the coordinator first, then the pillar; until both say READY", "",
               ours=starts, goal=10, memory=big.peaks().text(),
               note=f"memory in use when it is ready (VmRSS): {statistics.median(memory):.0f} MiB, goal 300")


ROWS = {"S1": put_one, "S2": get_one, "S3": put_three, "S4": put_small, "S5": list_checksums, "S6": small_get,
        "S7": bus_rate, "S9": fresh_checksums, "S10": start_big}
