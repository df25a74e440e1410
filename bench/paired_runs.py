#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paired benchmarks: ours and a peer's turn by turn, and how cost grows; see README.md.

Every run starts with fresh data; what is started here is ended by its process id. Each row is kept in
build/.../bench/results.json as soon as it is there; --missing runs what is not there yet.
"""

import argparse
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import growth  # noqa: E402
import plot  # noqa: E402
import rows  # noqa: E402
from measuring import remove_tree  # noqa: E402
from repository import Programs  # noqa: E402
from results import Results  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
QUICK_PAIRS = 1


def chosen(words):
    """The names of rows and series that the words mean, in the order in which they share the most."""
    every = [*rows.ROWS, *growth.SERIES]
    every.sort(key=lambda name: name in ("S5", "S10"))  # behind the growth of S5, whose files they use
    if "all" in words:
        return every
    return [name for name in every if name in words or ("growth" in words and name in growth.SERIES)]


def measure(name, bench, results):
    if name in rows.ROWS:
        found = [rows.ROWS[name](bench)]
        print(found[0].text(), flush=True)
    else:
        made = growth.SERIES[name](bench)
        found = made if isinstance(made, list) else [made]
        for curve in found:
            print(growth.summary(curve), flush=True)
    for thing in found:
        thing.small = bench.quick
    results.add(name, found)


def write_pages(results):
    if any(thing.small for thing in [*results.rows.values(), *results.curves.values()]):
        raise SystemExit("figures of --quick say nothing about speed: measure again without it")
    (HERE.parent / "docs" / "growth.svg").write_text(plot.draw(results.curves.values()))
    results.write_into(HERE / "RESULTS.md")


def main():
    names = [*rows.ROWS, "growth", *growth.SERIES, "all"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", metavar="ROW", help=f"{' '.join(names)} (default all)")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: tiny sizes, one pair; kept apart")
    parser.add_argument("--missing", action="store_true", help="only what has not been measured in this build yet")
    parser.add_argument("--write", action="store_true", help="put all that has been measured into RESULTS.md and "
                        "docs/growth.svg; with no ROW, nothing is measured")
    parser.add_argument("--work", type=pathlib.Path, help="an existing directory on the disk to measure")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="directory of the build")
    options = parser.parse_args()
    for word in options.what:
        if word not in names:
            parser.error(f"there is no row {word}: {' '.join(names)}")
    if options.pairs < 1:
        parser.error("--pairs is at least 1")
    results = Results(options.build / "bench" / ("smoke.json" if options.quick else "results.json"))
    work = pathlib.Path(tempfile.mkdtemp(prefix="bitrepo-bench-", dir=options.work))
    bench = rows.Bench(Programs(options.build), work, QUICK_PAIRS if options.quick else options.pairs, options.quick)
    what = options.what or ([] if options.write else ["all"])
    try:
        for name in chosen(what):
            if options.missing and name in results.done:
                continue
            begin = time.monotonic()
            measure(name, bench, results)
            print(f"  ({name} took {time.monotonic() - begin:.0f} s)\n", flush=True)
    finally:
        bench.close()
        remove_tree(work)
    if options.write:
        write_pages(results)


if __name__ == "__main__":
    main()
