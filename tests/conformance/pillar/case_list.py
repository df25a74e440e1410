# SPDX-License-Identifier: Apache-2.0
"""What a case is: an id, a title, the kinds of pillar it is for, and what it demands."""

import dataclasses
import typing

from wire_client import vocabulary as wire

FULL, CHECKSUM, NEARLINE = "full", "checksum", "nearline"
ALL_KINDS = (FULL, CHECKSUM, NEARLINE)
KEEPS_BYTES = (FULL, NEARLINE)


class Failed(Exception):
    """The pillar does not do what the case demands."""


class Skipped(Exception):
    """The case cannot be run here; says why."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One case of the kit; `run` takes the pillar under test."""

    id: str
    title: str
    kinds: typing.Tuple[str, ...]
    run: typing.Callable
    note: str


CASES = []


def case(case_id, title, kinds=ALL_KINDS, note=""):
    """Adds the function to the kit. `note`: where it differs from the reference, in a line."""

    def add(run):
        if any(other.id == case_id for other in CASES):
            raise ValueError(f"two cases are called {case_id}")
        CASES.append(Case(case_id, title, kinds, run, note))
        return run

    return add


def check(condition, text):
    """Demands that something holds."""
    if not condition:
        raise Failed(text)


def check_equal(wanted, got, what):
    """Demands that two values are the same."""
    if wanted != got:
        raise Failed(f"{what}: {_short(got)} where {_short(wanted)} is due")


def check_code(answer, *wanted):
    """Demands one of these response codes of a message, or of an exchange's final."""
    message = getattr(answer, "final", answer)
    if message.code not in wanted:
        names = " or ".join(map(wire.code_name, wanted))
        raise Failed(f"{message} where {names} is due")


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."
