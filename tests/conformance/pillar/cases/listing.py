# SPDX-License-Identifier: Apache-2.0
"""What the cases of lists share: items as they travel the data channel."""

from case_list import Failed, check, check_equal
from pillar_under_test import types


def pack_items(items):
    """Messages one behind the other, each behind its length as a varint."""
    packed = bytearray()
    for item in items:
        size = item.ByteSize()
        while size > 0x7F:
            packed.append(size & 0x7F | 0x80)
            size >>= 7
        packed.append(size)
        packed += item.SerializeToString()
    return bytes(packed)


def unpack_items(data, kind):
    """The messages that came so; Failed when they end in the middle of one."""
    check(data is not None, "no token came")
    items, at = [], 0
    while at < len(data):
        size, shift = 0, 0
        while True:
            if at == len(data) or shift > 28:
                raise Failed("the list has a length that is none")
            size |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 0x80:
                break
        if at + size > len(data):
            raise Failed("the list ends in the middle of an item")
        items.append(kind.FromString(data[at:at + size]))
        at += size
    return items


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
