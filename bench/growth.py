# SPDX-License-Identifier: Apache-2.0
"""How cost grows: with the work (1x, 4x, 16x), with the pillars (1, 3, 7, 15), with the clients (1, 10, 100)."""

import statistics
import time
from contextlib import closing

from bus_pair import gets_at_once, gets_in_one_process
from measuring import MIB, Paired, Peaks, exponent, make_file, make_tree
from peers import RawBus
from repository import repository
from results import Curve
from rows import nginx_put, our_put, our_tree, rsync_tree

PAIRS_MAX = 3  # of each point
PILLARS = (1, 3, 7, 15)
CLIENTS = (1, 10, 100)


def pairs_of(bench):
    return min(bench.pairs, PAIRS_MAX)


def sizes(bench, most, least):
    """1x, 4x, 16x, up to `most`; a smoke run has `least` as its 1x, and no 16x."""
    return (least, 4 * least) if bench.quick else (most // 16, most // 4, most)


def add_point(curve, work, both):
    curve.ours.append((work, statistics.median(both.ours)))
    if both.theirs:
        curve.theirs.append((work, statistics.median(both.theirs)))


def summary(curve):
    def told(label, points):
        if not points:
            return ""
        each = ", ".join(f"{figure:.3g} {curve.unit}" for _, figure in points)
        return f"{label}: {each}; exponent {exponent(points):.2f}"

    works = ", ".join(f"{work:,}" for work, _ in curve.ours)
    memory = f"; VmHWM in MiB: {curve.memory}" if curve.memory else ""
    return (f"| **{curve.name}** {works} {curve.what} | {told(curve.our_label, curve.ours)}{memory} | "
            f"{told(curve.their_label, curve.theirs)} |")


def one_large_file(bench):
    curve = Curve("S1 by size", "MiB to one pillar", "s", our_label="bitrepo put", their_label="curl -T + sync")
    peaks = Peaks()
    for mib in sizes(bench, 1024, 2):
        source = bench.large(mib * MIB)
        add_point(curve, mib, Paired.measure(pairs_of(bench), lambda: our_put(bench, source, 1, peaks),
                                             lambda: nginx_put(bench, source, peaks)))
    curve.memory = peaks.text()
    return curve


def many_small_files(bench):
    curve = Curve("S4 by files", "files of 4 KiB to one pillar", "s", our_label="bitrepo put -r",
                  their_label="rsync -a + sync")
    peaks = Peaks()
    for count in sizes(bench, 10_000, 20):
        tree = make_tree(bench.folder("tree"), count, 4096)
        add_point(curve, count, Paired.measure(pairs_of(bench), lambda: our_tree(bench, tree, peaks),
                                               lambda: rsync_tree(bench, tree, peaks)))
    curve.memory = peaks.text()
    return curve


def long_lists(bench):
    curve = Curve("S5 by files", "checksums listed", "s", our_label="bitrepo checksums", their_label="sqlite3")
    peaks = Peaks()
    for count in sizes(bench, 1_000_000, 500):
        big = bench.big_store(count)
        add_point(curve, count, Paired.measure(pairs_of(bench), big.our_list, big.their_list))
        peaks.merge(big.peaks())
    curve.memory = peaks.text()
    return curve


def many_gets(bench):
    curve = Curve("S6 by gets", "gets of 4 KiB, one at a time", "s", our_label="small_gets",
                  their_label="two raw round trips")
    with repository(bench.programs, bench.work) as ours, closing(RawBus(bench.programs)) as raw:
        ours.run("put", "-q", str(make_file(bench.work / "small.bin", 4096)), "--id", "small")
        for count in sizes(bench, 4_000, 20):
            add_point(curve, count, Paired.measure(
                pairs_of(bench), lambda: count / gets_in_one_process(ours, "small", count)["per_second"],
                lambda: count / raw.ask(count, window=1, size=200, trips=2)["per_second"]))
        curve.memory = ours.peaks().text()
    return curve


def by_pillars(bench):
    """S1, S4 and S6 at 1, 3, 7 and 15 pillars: a curve of each."""
    mib, files, gets = bench.size(128, 1), bench.size(1_000, 20), bench.size(500, 20)
    curves = [Curve("S1 by pillars", f"pillars, a file of {mib} MiB to all", "s", our_label="bitrepo put"),
              Curve("S4 by pillars", f"pillars, {files:,} files of 4 KiB to all", "s", our_label="bitrepo put -r"),
              Curve("S6 by pillars", f"pillars asked, {gets:,} gets from the fastest", "s", our_label="small_gets")]
    source = bench.large(mib * MIB)
    tree = make_tree(bench.folder("tree"), files, 4096)
    peaks = Peaks()
    for count in PILLARS[:2] if bench.quick else PILLARS:
        seconds = ([], [], [])
        for _ in range(pairs_of(bench)):
            with repository(bench.programs, bench.work, count) as ours:
                seconds[0].append(ours.run("put", "-q", str(source), "--id", "large"))
                seconds[1].append(ours.run("put", "-q", "-r", str(tree)))
                seconds[2].append(gets / gets_in_one_process(ours, "000/00000.bin", gets)["per_second"])
                peaks.merge(ours.peaks())
        for curve, values in zip(curves, seconds):
            add_point(curve, count, Paired(values, []))
    for curve in curves:
        curve.memory = peaks.text()
    return curves


def puts_at_once(ours, trees):
    """Seconds in which clients put a tree each, all at once."""
    begin = time.monotonic()
    started = [ours.start("put", "-q", "-r", str(tree)) for tree in trees]
    for putter in started:
        if putter.wait() != 0:
            raise SystemExit(f"a put of many at once: exit code {putter.returncode}")
    return time.monotonic() - begin


def by_clients(bench):
    """S4 and S6, the same work done by 1, 10 and 100 clients at once: a curve of each."""
    files, gets = bench.size(2_000, 20), bench.size(4_000, 20)
    curves = [Curve("S4 by clients", f"clients, {files:,} files of 4 KiB in all", "s", our_label="bitrepo put -r"),
              Curve("S6 by clients", f"clients, {gets:,} gets of 4 KiB in all", "s", our_label="small_gets")]
    small = make_file(bench.work / "small.bin", 4096)
    peaks = Peaks()
    for count in CLIENTS[:2] if bench.quick else CLIENTS:
        forest = bench.folder("forest")
        trees = [make_tree(forest / str(i), files // count, 4096, prefix=f"{i}-") for i in range(count)]
        seconds = ([], [])
        for _ in range(pairs_of(bench)):
            with repository(bench.programs, bench.work) as ours:
                ours.run("put", "-q", str(small), "--id", "small")
                seconds[0].append(puts_at_once(ours, trees))
                seconds[1].append(gets_at_once(ours, "small", gets, count))
                peaks.merge(ours.peaks())
        for curve, values in zip(curves, seconds):
            add_point(curve, count, Paired(values, []))
    for curve in curves:
        curve.memory = peaks.text()
    return curves


SERIES = {"growth-S1": one_large_file, "growth-S4": many_small_files, "growth-S5": long_lists,
          "growth-S6": many_gets, "growth-pillars": by_pillars, "growth-clients": by_clients}
