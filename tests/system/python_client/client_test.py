#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client in another language, from the specification alone, against real daemons.

    client_test.py BITREPO [unittest argument...]
"""

import hashlib
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

from wire_client import data_session, repository  # pylint: disable=wrong-import-position
from wire_client import vocabulary as wire
from wire_client.bus_member import BusMember
from wire_client.conversation import Conversation

BITREPO = sys.argv.pop(1) if len(sys.argv) > 1 else "bitrepo"
COLLECTION = "default"
ops = wire.operations
Body = wire.envelope.Body


class ClientTest(unittest.TestCase):
    """Each test has files of its own in the repository that all share."""

    @classmethod
    def setUpClass(cls):
        cls.repository = cls.enterClassContext(
            repository.LocalRepository(BITREPO, "--pillars", "2"))
        cls.bus = cls.enterClassContext(BusMember(cls.repository.bus, cls.repository.name, "snake"))

    def conversation(self, operation):
        return Conversation(self.bus, operation, COLLECTION)

    def put(self, file_id, data):
        """Puts on all pillars, the first before the rest; the finals by pillar."""
        content = {"file_id": file_id, "size_bytes": len(data), "digest": wire.sha256(data)}
        put = self.conversation(wire.types.PUT_FILE)
        replies = put.identify(Body(put_file_identify=ops.PutFileIdentify(**content)))
        self.assertEqual({wire.types.IDENTIFICATION_POSITIVE},
                         {reply.code for reply in replies.values()})
        store = data_session.transfer(
            self.bus.session, lambda session, token: session.store(token, data))
        return {pillar: put.ask(pillar, Body(put_file_request=ops.PutFileRequest(**content)), store)
                for pillar in sorted(replies)}

    def get(self, pillar, file_id, offset=0, length=None):
        request = wire.types.FileRange(file_id=file_id, offset=offset, length=length)
        get = self.conversation(wire.types.GET_FILE)
        return get.ask(pillar, Body(get_file_request=ops.GetFileRequest(range=request)),
                       data_session.transfer(self.bus.session, lambda session, token:
                                             session.fetch(token)))

    def test_puts_a_file_on_all_pillars_and_gets_a_range_from_each(self):
        data = bytes(range(256)) * 40000  # 10 MB: several segments, and more than the first credit
        puts = self.put("snake/range", data)
        self.assertEqual({"pillar-1", "pillar-2"}, set(puts))
        for pillar, put in puts.items():
            self.assertEqual(wire.types.OPERATION_COMPLETED, put.code, put.final)
            self.assertEqual(wire.types.OPERATION_COMPLETED, put.transfer.code)
            self.assertEqual(hashlib.sha256(data).digest(), put.content.file.digest.value)
            part = self.get(pillar, "snake/range", 5_000_003, 2_000_000)
            self.assertEqual(data[5_000_003:7_000_003], part.transfer)
            self.assertEqual(wire.types.OPERATION_COMPLETED, part.code)
            self.assertEqual(2_000_000, part.content.bytes_sent)
            self.assertEqual(data, self.get(pillar, "snake/range").transfer)

    def test_moves_a_file_of_no_bytes(self):
        for pillar, put in self.put("snake/empty", b"").items():
            self.assertEqual(wire.types.OPERATION_COMPLETED, put.code, put.final)
            self.assertEqual(b"", self.get(pillar, "snake/empty").transfer)

    def test_lists_ids_page_by_page(self):
        ids = [f"page/{number:02}" for number in range(7)]
        for file_id in ids:
            self.put(file_id, file_id.encode())
        listing = self.conversation(wire.types.GET_FILE_IDS)
        files = wire.types.FileSelection(prefix="page/")
        replies = listing.identify(Body(get_file_ids_identify=ops.GetFileIdsIdentify(files=files)))
        self.assertEqual({"pillar-1", "pillar-2"}, set(replies))
        seen, sizes, cursor = [], [], b""
        while not sizes or cursor:
            page = listing.ask("pillar-2", Body(
                get_file_ids_request=ops.GetFileIdsRequest(files=files),
                page=wire.types.PageSpec(limit_items=3, cursor=cursor)))
            self.assertEqual(wire.types.OPERATION_COMPLETED, page.code, page.final)
            seen += [item.file_id for item in page.content.items]
            sizes.append(len(page.content.items))
            cursor = page.content.page.next_cursor
        self.assertEqual(ids, seen)
        self.assertEqual([3, 3, 1], sizes)

    def test_says_a_request_again_and_has_one_effect(self):
        put = self.put("snake/again", b"once")["pillar-1"]
        again = Conversation(self.bus, wire.types.PUT_FILE, COLLECTION)
        again.id = put.request.header.conversation_id
        answer = again.exchange(put.request)
        self.assertEqual(put.content, answer.content)
        self.assertEqual(put.code, answer.code)

    def test_a_range_past_the_end_is_refused(self):
        self.put("snake/short", b"four")
        self.assertEqual(wire.types.RANGE_ERROR, self.get("pillar-1", "snake/short", 2, 3).code)


if __name__ == "__main__":
    unittest.main(verbosity=2)
