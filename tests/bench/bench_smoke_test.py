#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run to their end at tiny sizes, and make of figures what they are: bench_smoke_test.py BUILD."""

import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import growth  # noqa: E402
import plot  # noqa: E402
import rows  # noqa: E402
from measuring import Paired, exponent, spread  # noqa: E402
from results import Curve, Results, Row  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1))


def row(**given):
    return Row("S1", "work", "ours", "theirs", memory="client 1", **given)


class SmokeRun(unittest.TestCase):
    def test_every_row_and_a_series_run_and_are_printed(self):
        ran = subprocess.run([sys.executable, ROOT / "bench" / "paired_runs.py", "--build", BUILD, "--quick",
                              *rows.ROWS, "growth-S6"], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        for name in rows.ROWS:
            self.assertRegex(ran.stdout, rf"(?m)^{name} .*\n  ours ", name)
        self.assertIn("**S6 by gets**", ran.stdout)

    def test_a_row_that_there_is_not_is_refused(self):
        ran = subprocess.run([sys.executable, ROOT / "bench" / "paired_runs.py", "--build", BUILD, "S99"],
                             capture_output=True, text=True)
        self.assertEqual(ran.returncode, 2)
        self.assertIn("there is no row S99", ran.stderr)


class Figures(unittest.TestCase):
    def test_the_ratio_is_of_pairs_and_its_median_is_judged(self):
        measured = row(goal=1.0).paired(Paired([1, 4, 9], [2, 2, 2]))
        self.assertEqual(measured.ratios(), [0.5, 2, 4.5])
        self.assertEqual(measured.met(), "no")
        self.assertEqual(row(goal=2.0).paired(Paired([4], [2])).met(), "yes")

    def test_where_more_is_better_the_goal_is_the_least(self):
        self.assertEqual(row(goal=0.5, more_is_better=True).paired(Paired([4], [10])).met(), "no")
        self.assertEqual(row(goal=0.5, more_is_better=True).paired(Paired([5], [10])).met(), "yes")

    def test_without_a_peer_the_figure_itself_is_judged(self):
        self.assertEqual(row(goal=10, ours=[9, 10, 12]).met(), "yes")
        self.assertEqual(row(goal=10, ours=[9, 11, 12]).met(), "no")

    def test_the_exponent_is_that_of_the_power_law(self):
        self.assertAlmostEqual(exponent([(1, 3), (4, 12), (16, 48)]), 1)
        self.assertAlmostEqual(exponent([(1, 3), (4, 6), (16, 12)]), 0.5)
        self.assertAlmostEqual(exponent([(1, 3), (4, 3), (16, 3)]), 0)

    def test_a_spread_is_median_lowest_and_highest(self):
        self.assertEqual(spread([3, 1, 2], " s"), "2.00 s (1.00-3.00)")

    def test_runs_alternate(self):
        order = []
        Paired.measure(2, lambda: order.append("ours"), lambda: order.append("theirs"))
        self.assertEqual(order, ["ours", "theirs"] * 2)


class Pages(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.file = pathlib.Path(self.dir.name) / "results.json"
        self.curve = Curve("S1 by size", "MiB <to> one", "s", ours=[(1, 0.1), (4, 0.4)], theirs=[(1, 0.2), (4, 0.3)],
                           our_label="put", their_label="curl & sync")

    def test_rows_are_there_after_the_run_that_made_them(self):
        Results(self.file).add("S1", [row(goal=1.0).paired(Paired([1], [2]))])
        kept = Results(self.file)
        kept.add("growth-S1", [self.curve])
        self.assertEqual(Results(self.file).done, ["S1", "growth-S1"])
        self.assertEqual(Results(self.file).rows["S1"].met(), "yes")

    def test_what_stands_between_the_marks_is_written_anew(self):
        results = Results(self.file)
        results.add("S1", [row(goal=1.0).paired(Paired([1], [2]))])
        results.add("growth-S1", [self.curve])
        page = pathlib.Path(self.dir.name) / "page.md"
        page.write_text((ROOT / "bench" / "RESULTS.md").read_text())
        results.write_into(page)
        once = page.read_text()
        results.write_into(page)
        self.assertEqual(page.read_text(), once)
        self.assertIn("| **S1** work | 1.00 s | 2.00 s | 0.50 | <= 1 | yes |", once)
        self.assertIn("exponent 1.00", once)

    def test_the_drawing_is_well_formed_and_has_each_curve(self):
        drawn = xml.etree.ElementTree.fromstring(plot.draw([self.curve, self.curve]))
        lines = [element for element in drawn.iter() if element.tag.endswith("polyline")]
        self.assertEqual(len(lines), 4)

    def test_works_of_a_series_grow_by_four(self):
        class Bench:
            quick = False

        self.assertEqual(growth.sizes(Bench, 1024, 2), (64, 256, 1024))


if __name__ == "__main__":
    unittest.main()
