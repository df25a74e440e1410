# SPDX-License-Identifier: Apache-2.0
"""The frame of the data channel (docs/spec/40, 4): 48 bytes of header, and a payload."""

import struct

import xxhash

HELLO, WELCOME, OPEN, OPEN_OK, OPEN_REFUSED, DATA, CREDIT, STORED, ACK, NACK = range(1, 11)
COMMIT, COMMIT_OK, DONE, ABORT, PING, PONG, GOAWAY, BYE = range(11, 19)
OF_STREAMS = range(OPEN, ABORT + 1)
SKIPPABLE = 1  # of the flags
_LAYOUT = struct.Struct("<2sBBHHIIQQQQ")
assert _LAYOUT.size == 48


class FrameFault(Exception):
    """A breach of the chapter by the peer: the session is over."""


class Frame:
    """One frame; `damaged` where its check does not hold."""

    def __init__(self, kind, stream=0, payload=b"", number=0, offset=0):
        self.kind = kind
        self.stream = stream
        self.payload = payload
        self.number = number
        self.offset = offset
        self.flags = 0
        self.damaged = False

    def parts(self, sequence):
        """The two parts of the message, as they leave."""
        fields = (b"BR", 1, self.kind, self.flags, 0, self.stream, len(self.payload), self.number,
                  self.offset, sequence)
        check = _check(_LAYOUT.pack(*fields, 0), self.payload)
        return [_LAYOUT.pack(*fields, check), self.payload]

    @classmethod
    def parse(cls, parts, sequence):
        """What came as the frame with this sequence; FrameFault where it breaks a rule. [D-3]"""
        if len(parts) != 2 or len(parts[0]) != 48:
            raise FrameFault("not a header of 48 bytes and a payload")
        header, payload = parts
        magic, version, kind, flags, zero, stream, length, number, offset, came, check = (
            _LAYOUT.unpack(header))
        if magic != b"BR" or version != 1 or zero or flags & ~SKIPPABLE:
            raise FrameFault("not a header of this protocol")
        if length != len(payload):
            raise FrameFault("the length is not that of the payload")
        if came != sequence:
            raise FrameFault(f"sequence {came} where {sequence} is due")
        frame = cls(kind, stream, payload, number, offset)
        frame.flags = flags
        frame.damaged = check != _check(header[:40] + bytes(8), payload)
        if frame.damaged and kind != DATA:
            raise FrameFault("the check does not hold")
        if not HELLO <= kind <= BYE and not flags & SKIPPABLE:
            raise FrameFault(f"type {kind} is not known")
        return frame


def _check(header, payload):
    digest = xxhash.xxh3_64(header)
    digest.update(payload)
    return digest.intdigest()
