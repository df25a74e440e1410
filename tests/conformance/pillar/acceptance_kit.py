#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The acceptance kit: is a running pillar one of this protocol? README.md says how to run it."""

import argparse
import importlib
import pathlib
import shlex
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]

from case_list import ALL_KINDS, CASES, Failed, Skipped  # pylint: disable=wrong-import-position
from pillar_under_test import PillarUnderTest
from wire_client.bus_member import BusError, BusMember
from wire_client.conversation import Unanswered
from wire_client.data_frame import FrameFault


def read_flags(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bus", metavar="tcp://HOST:PORT", help="where the coordinator listens")
    parser.add_argument("--repository", metavar="NAME", help="what the repository is called")
    parser.add_argument("--pillar", metavar="ID", help="the pillar under test")
    parser.add_argument("--kind", choices=ALL_KINDS, default="full", help="what it is (full)")
    parser.add_argument("--collection", metavar="C", help="one that it keeps")
    parser.add_argument("--second-collection", metavar="C", help="another that it keeps")
    parser.add_argument("--foreign-collection", metavar="C", default="no-such-collection",
                        help="one that it does not keep (a name that nobody has)")
    parser.add_argument("--principal", default="acceptance-kit", help="in whose name it asks")
    parser.add_argument("--damage", metavar="COMMAND", type=shlex.split,
                        help="run with a collection and a file id more: damages the stored bytes")
    parser.add_argument("--case", metavar="ID", action="append", default=[],
                        help="only this one, or those that begin so; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    flags = parser.parse_args(words)
    needed = (flags.bus, flags.repository, flags.pillar, flags.collection)
    if not flags.list and not all(needed):
        parser.error("--bus, --repository, --pillar and --collection say what is to be tested")
    return flags


def run_case(case, pillar):
    """The verdict: "pass", "fail: why", or "skipped: why"."""
    if pillar.kind not in case.kinds:
        return f"skipped: not for a {pillar.kind} pillar"
    try:
        case.run(pillar)
    except Skipped as reason:
        return f"skipped: {reason}"
    except BusError:
        raise
    except (Failed, Unanswered, FrameFault) as reason:
        return f"fail: {reason}"
    except Exception as error:  # pylint: disable=broad-except
        # What a case takes for granted of an answer is not there.
        at = traceback.extract_tb(error.__traceback__)[-1]
        return f"fail: {type(error).__name__}: {error} ({at.name}, line {at.lineno})"
    return "pass"


def main(words):
    flags = read_flags(words)
    for module in sorted((HERE / "cases").glob("*_cases.py")):
        importlib.import_module(f"cases.{module.stem}")
    chosen = [case for case in CASES
              if not flags.case or any(case.id.startswith(wanted) for wanted in flags.case)]
    if flags.list:
        for case in chosen:
            print(f"{case.id:<16} {','.join(case.kinds):<24} {case.title}")
            if case.note:
                print(f"{'':<42}{case.note}")
        return 0
    if not chosen:
        print("acceptance_kit: no such case; --list prints them", file=sys.stderr)
        return 2
    counts = {"pass": 0, "fail": 0, "skipped": 0}
    with BusMember(flags.bus, flags.repository, flags.principal) as bus:
        pillar = PillarUnderTest(bus, flags.pillar, flags.kind, flags.collection,
                                 flags.second_collection, flags.foreign_collection, flags.damage)
        for case in chosen:
            verdict = run_case(case, pillar)
            counts[verdict.partition(":")[0]] += 1
            print(f"{case.id:<16} {case.title}: {verdict}", flush=True)
        left = pillar.clean_up()
        if left:
            print(f"acceptance_kit: {left} files could not be deleted, all below {pillar.prefix}")
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skipped']} skipped")
    return 1 if counts["fail"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BusError as error:
        sys.exit(f"acceptance_kit: {error}")
