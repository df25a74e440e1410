# SPDX-License-Identifier: Apache-2.0
"""Items as they travel the data channel (docs/spec/40, 5.3): each behind its length as a varint."""


def pack_items(items):
    """Messages one behind the other."""
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
    """The messages of this kind; ValueError when they end in the middle of one."""
    items, at = [], 0
    while at < len(data):
        size, shift = 0, 0
        while True:
            if at == len(data) or shift > 28:
                raise ValueError("the list has a length that is none")
            size |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 0x80:
                break
        if at + size > len(data):
            raise ValueError("the list ends in the middle of an item")
        items.append(kind.FromString(data[at:at + size]))
        at += size
    return items
