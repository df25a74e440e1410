#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The wire vectors and the frames of the specification's example, read in another language."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

from wire_client import data_frame, item_stream  # pylint: disable=wrong-import-position
from wire_client import vocabulary as wire
from wire_client.bus_member import Message

GOLDEN = wire.ROOT / "tests" / "golden"
EXAMPLE = wire.ROOT / "docs" / "spec" / "50-an-example.md"


def read_vector(path):
    """What is expected of it, and its frames."""
    expected, frames = "", []
    for line in path.read_text().splitlines():
        if line.startswith("expect "):
            expected = line.removeprefix("expect ")
        elif line.startswith("  "):
            frames[-1] += bytes.fromhex(line.strip())
        elif line and not line.startswith("#"):
            frames.append(b"")
    return expected, frames


class VectorsTest(unittest.TestCase):
    def test_messages_say_in_their_header_what_their_content_is(self):
        seen = set()
        for path in sorted(GOLDEN.glob("*.hex")):
            expected, frames = read_vector(path)
            if expected != "valid":
                continue
            with self.subTest(path.name):
                message = Message.parse(frames)
                content = message.body.WhichOneof("content") or ""
                kind = wire.types.Kind.Name(message.kind).lower()
                if message.header.operation not in wire.types.Operation.values():
                    self.assertRegex(path.name, "^skew-newer-.*operation")
                    continue
                operation = wire.types.Operation.Name(message.header.operation).lower()
                hub = message.kind >= wire.types.HELLO or kind in ("cancel", "alarm")
                if content and not hub and not content.startswith("roster"):
                    self.assertEqual(f"{operation}_{kind}", content)
                seen.add(content)
        self.assertGreater(len(seen), 60)

    def test_items_of_a_transfer_are_read_and_written_alike(self):
        for name, kind in (("checksums", wire.operations.ChecksumItem),
                           ("parameters", wire.types.ParameterItem)):
            text = (GOLDEN / "streams" / f"{name}.hex").read_text()
            data = bytes.fromhex("".join(line for line in text.splitlines()
                                         if not line.startswith("#")))
            items = item_stream.unpack_items(data, kind)
            self.assertGreaterEqual(len(items), 2)
            self.assertEqual(data, item_stream.pack_items(items))

    def test_the_frames_of_the_example_have_the_checks_that_it_says(self):
        lines = EXAMPLE.read_text().splitlines()
        header = re.compile(r"^   (4252(?: [0-9a-f]+){8})$")
        checked = 0
        for line, below in zip(lines, lines[1:]):
            match = header.match(line)
            if not match or "..." in below:
                continue
            raw = bytes.fromhex(match[1])
            size = int.from_bytes(raw[12:16], "little")
            payload = bytes.fromhex(below.strip()) if size else b""
            sequence = int.from_bytes(raw[32:40], "little")
            self.assertFalse(data_frame.Frame.parse([raw, payload], sequence).damaged, line)
            checked += 1
        self.assertGreaterEqual(checked, 15)


if __name__ == "__main__":
    unittest.main()
