# SPDX-License-Identifier: Apache-2.0
"""What the cases of lists share: the bytes of a list by token, windows of time."""

from case_list import Failed, check, check_equal
from pillar_under_test import types
from wire_client import item_stream


def read_list(data, kind):
    """The items of a list that came by token; Failed when it is none."""
    check(data is not None, "no token came")
    try:
        return item_stream.unpack_items(data, kind)
    except ValueError as error:
        raise Failed(str(error)) from error


def check_window(times, from_end, ask):
    """Bounds of a TimeWindow at the first file, at the last, and past them.

    `times`: by file id; `ask(window)`: the ids that the pillar lists of them.
    """
    first, last = min(times.values()), max(times.values())
    for at in (first - 10_000, first, last, last + 10_000):
        if from_end:
            window = types.TimeWindow(until_us=at)
            wanted = [file_id for file_id, time in times.items() if time <= at]
        else:
            window = types.TimeWindow(from_us=at)
            wanted = [file_id for file_id, time in times.items() if time >= at]
        check_equal(sorted(wanted), [one for one in ask(window) if one in times],
                    f"{'until' if from_end else 'from'} {at}")
