#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do the tests exist that docs/requirements.md and docs/conformance.md name?"""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# `room/file: name`, in a row of a table.
NAMED = re.compile(r"`([\w/.]+\.(?:cc|h|py)): ([^`]+)`")
ROW = re.compile(r"^\| *\**([A-Z]+-?[0-9]+)\b.*\|$", re.MULTILINE)


def missing(path, name):
    """Why the test is not there; empty when it is."""
    file = ROOT / "tests" / path
    if not file.is_file():
        return f"there is no tests/{path}"
    text = file.read_text()
    if file.suffix == ".py":
        found = re.search(rf'\bdef {re.escape(name)}\(|"{re.escape(name)}"', text)
    else:
        suite, _, test = name.partition(".")
        found = re.search(rf"\b(TYPED_)?TEST(_F|_P)?\(\s*{suite},\s*{test}\)", text)
    return "" if found else f"tests/{path} has no {name}"


class Tables(unittest.TestCase):
    maxDiff = None

    def check_page(self, page, rows_wanted):
        """Each row names a test that is there, or says why there is none."""
        text = (ROOT / "docs" / page).read_text()
        rows = {match[1]: match[0] for match in ROW.finditer(text)}
        self.assertEqual([], [row for row in rows_wanted if row not in rows], "rows that lack")
        wrong = [missing(*named) for named in NAMED.findall(text)]
        self.assertEqual([], [one for one in wrong if one])
        for row, line in rows.items():
            self.assertTrue(NAMED.search(line) or "coming" in line or "does not apply" in line
                            or "missing" in line, f"{row} names no test")

    def test_every_requirement_has_its_tests(self):
        self.check_page("requirements.md", [f"B{number}" for number in range(1, 32)] +
                        [f"A{number}" for number in range(7, 26)] + ["X3", "X4"])

    def test_every_case_of_the_reference_has_its_test_or_a_reason(self):
        cases = [("H", 1, 42), ("S", 1, 26), ("B", 1, 16), ("P", 1, 9), ("K", 1, 5), ("C", 1, 7),
                 ("C", 10, 25), ("C", 30, 44), ("C", 50, 61), ("C", 70, 75), ("C", 80, 86),
                 ("C", 90, 91)]
        self.check_page("conformance.md", [f"{letter}-{number:02}" for letter, first, last in cases
                                           for number in range(first, last + 1)])

    def test_a_name_that_does_not_exist_is_found(self):
        self.assertTrue(missing("requirements/tables_test.py", "check_" + "nothing"))
        self.assertTrue(missing("no/such_test.cc", "Suite.Name"))
        self.assertFalse(missing("requirements/tables_test.py", "check_page"))


if __name__ == "__main__":
    unittest.main()
