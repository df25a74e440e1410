# SPDX-License-Identifier: Apache-2.0
"""B1 to B13, B16 and B17 of the founding document: operations, primitives, messages."""

import collections
import contextlib
import re

from requirement_rig import COLLECTION, PILLARS, Body, RequirementTest, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire
from wire_client.bus_member import BusMember
from wire_client.conversation import Conversation

GET_SEQUENCE = ["IDENTIFY", "IDENTIFY_REPLY", "REQUEST", "PROGRESS", "FINAL"]


def contents_by_operation():
    """What protobuf knows: for each operation the parts of the body that are its messages."""
    found = collections.defaultdict(dict)
    for field in Body.DESCRIPTOR.oneofs_by_name["content"].fields:
        match = re.fullmatch("(.*?)_(identify_reply|identify|request|progress|final|reply)",
                             field.name)
        if match and match[1].upper() in types.Operation.keys():
            found[match[1]][match[2]] = field.message_type
    return found


def kinds(copies):
    """The kinds of message as each was first seen; what routing adds is left out."""
    names = [types.Kind.Name(copy.kind) for copy in copies]
    return [name for name in dict.fromkeys(names) if name not in ("ROUTED", "UNDELIVERED")]


class MessageRequirements(RequirementTest):
    """Each test is called by the number of what it holds."""

    def test_B01_an_operation_is_one_conversation_and_nothing_else_is_in_it(self):
        with self.record() as record:
            self.run_bitrepo("put", "--id", "b01", "-", data=b"one operation")
        found = record.conversations()
        self.assertEqual(1, len(found), found)
        copies = next(iter(found.values()))
        self.assertEqual({types.PUT_FILE}, {copy.header.operation for copy in copies})
        self.assertEqual(set(PILLARS), {getattr(copy.header, "from") for copy in copies
                                        if copy.kind == types.FINAL})

    def test_B02_an_operation_is_at_most_two_primitives(self):
        operations = contents_by_operation()
        self.assertGreaterEqual(len(operations), 12)
        for name, contents in operations.items():
            asked = [part for part in contents if part in ("identify", "request")]
            self.assertIn("request", asked, name)
            self.assertLessEqual(len(asked), 2, name)

    def test_B03_bytes_do_not_travel_on_the_bus(self):
        data = bytes(range(256)) * (256 * 1024)  # 64 MiB
        self.put("b03", data)
        with self.record() as record:
            got = self.run_bitrepo("get", "b03", "-o", "-")
        self.assertEqual(data, got)
        self.assertLess(record.bytes, 100_000)

    def test_B04_a_primitive_is_one_request_and_its_replies_with_one_final(self):
        with self.record() as record:
            self.run_bitrepo("put", "--id", "b04", "-", data=b"four")
            self.run_bitrepo("get", "b04", "-o", "-")
            self.run_bitrepo("checksums", "b04")
            self.run_bitrepo("file-ids", "--prefix", "b04")
        requests = [copy for copy in record.copies if copy.kind == types.REQUEST]
        finals = collections.Counter(copy.header.answers for copy in record.copies
                                     if copy.kind == types.FINAL)
        self.assertEqual(3 + 1 + 3 + 3, len(requests))
        self.assertEqual({copy.header.message_id: 1 for copy in requests}, finals)

    def test_B05_a_message_is_atomic_and_has_one_effect(self):
        with self.record() as record:
            self.run_bitrepo("put", "--id", "b05", "-", data=b"five")
        request = next(copy for copy in record.copies
                       if copy.kind == types.REQUEST and copy.header.to == PILLARS[0])
        final = next(copy for copy in record.copies if copy.kind == types.FINAL
                     and copy.header.answers == request.header.message_id)
        principal = getattr(request.header, "from")
        with BusMember(self.repository.bus, self.repository.name, principal) as twin:
            again = Conversation(twin, types.PUT_FILE, COLLECTION)
            again.id = request.header.conversation_id
            twin.open_inbox(again.id)
            request.header.reply_to = twin.session
            answer = again.exchange(request)
        self.assertEqual(final.body, answer.final.body)

        cut = self.conversation(types.PUT_FILE)
        message = cut.message(types.REQUEST, Body(put_file_request=ops.PutFileRequest(
            file_id="b05-cut", digest=wire.sha256(b"five"))), PILLARS[0])
        frames = message.frames()
        frames[2] = frames[2][:-3]
        self.bus.send_frames(frames)
        refusal = cut.next(10)
        self.assertEqual(types.REQUEST_NOT_UNDERSTOOD_FAILURE, refusal.code, refusal)
        self.run_bitrepo("get", "b05-cut", "-o", "-", exit_code=4)

    def test_B06_operations_do_not_overlap(self):
        owners = collections.defaultdict(set)
        for name, contents in contents_by_operation().items():
            for content in contents.values():
                owners[content.full_name].add(name)
        self.assertGreater(len(owners), 40)
        for content, names in owners.items():
            self.assertEqual(1, len(names), content)

    def test_B07_the_messages_of_each_operation_come_in_the_documented_order(self):
        moves_bytes = ["IDENTIFY", "IDENTIFY_REPLY", "REQUEST", "PROGRESS", "FINAL"]
        told_at_once = ["IDENTIFY", "IDENTIFY_REPLY", "REQUEST", "FINAL"]
        for words, wanted in ((("put", "--id", "b07", "-"), moves_bytes),
                              (("get", "b07", "-o", "-"), moves_bytes),
                              (("checksums", "b07"), told_at_once),
                              (("file-ids", "--prefix", "b07"), told_at_once)):
            with self.subTest(command=words[0]), self.record() as record:
                self.run_bitrepo(*words, data=b"seven")
            found = record.conversations()
            self.assertEqual(1, len(found), words)
            self.assertEqual(wanted, kinds(next(iter(found.values()))), words)

    def test_B08_get_is_a_sequence_of_five_messages(self):
        self.put("b08", b"eight")
        with self.record() as record:
            self.run_bitrepo("get", "b08", "-o", "-", "--from", PILLARS[1])
        copies = [copy for found in record.conversations().values() for copy in found]
        self.assertEqual(GET_SEQUENCE, kinds(copies))
        asked = [copy for copy in copies if copy.kind in (types.REQUEST, types.PROGRESS,
                                                          types.FINAL)]
        self.assertEqual(GET_SEQUENCE[2:], [types.Kind.Name(copy.kind) for copy in asked])

    def test_B10_identification_leaves_nothing_behind(self):
        with BusMember(self.repository.bus, self.repository.name, "leaver") as leaver:
            put = Conversation(leaver, types.PUT_FILE, COLLECTION)
            replies = put.identify(Body(put_file_identify=ops.PutFileIdentify(
                file_id="b10", size_bytes=1_000_000)))
            self.assertEqual(set(PILLARS), set(replies))
        for pillar in PILLARS:
            status = self.conversation(types.GET_STATUS).ask(
                pillar, Body(get_status_request=ops.GetStatusRequest()))
            self.assertEqual(1, status.content.queue)  # this very question
            store = self.repository.directory / pillar / COLLECTION
            self.assertEqual([], [one for one in (store / "staging").rglob("*") if one.is_file()])

    def test_B11_all_are_identified_and_one_is_asked_to_serve(self):
        self.put("b11", b"eleven")
        with self.record() as record:
            self.run_bitrepo("get", "b11", "-o", "-")
        count = collections.Counter(copy.kind for copy in record.copies)
        self.assertEqual(3, count[types.IDENTIFY_REPLY])
        self.assertEqual(1, count[types.REQUEST])

    def test_B12_the_operation_ends_when_its_transmission_has(self):
        self.put("b12", b"twelve")
        states = []

        def look_before_the_end(session, token):
            conversation = data_session.read_token(token).conversation_id
            session.fetch(token, end=lambda: states.append(self.state_of(conversation)))

        got = self.get(PILLARS[0], "b12", transfer=self.moving(look_before_the_end))
        self.assertEqual([ops.REQUEST_WORKING], states)
        self.assertEqual(types.OPERATION_COMPLETED, got.code)
        failed = types.FILE_TRANSFER_FAILURE
        got = self.get(PILLARS[0], "b12", transfer=self.moving(
            lambda session, token: session.fetch(token, response=failed)))
        self.assertEqual(failed, got.code)

    def state_of(self, conversation_id):
        asked = self.conversation(types.GET_CONVERSATION).ask(PILLARS[0], Body(
            get_conversation_request=ops.GetConversationRequest(conversation_id=conversation_id)))
        return asked.content.requests[0].state

    def test_B13_a_pillar_tells_its_progress(self):
        self.put("b13", bytes(3_000_000))
        get = self.conversation(types.GET_FILE)
        heard = []

        def take_one_segment_and_wait(token):
            endpoint = data_session.read_token(token).endpoints[0]
            with data_session.DataSession(endpoint, self.bus.session) as session:
                session.fetch_part(token)
                while len(heard) < 3:  # at most 2 s apart
                    heard.append(get.next(10).body.progress)
                session.abort(types.CANCELLED)

        wanted = ops.GetFileRequest(range=types.FileRange(file_id="b13"))
        got = get.ask(PILLARS[0], Body(get_file_request=wanted), take_one_segment_and_wait)
        self.assertNotEqual(types.OPERATION_COMPLETED, got.code)
        sequences = [one.sequence for one in heard]
        self.assertEqual(sorted(set(sequences)), sequences)
        done = [one.bytes_done for one in heard]
        self.assertEqual(sorted(done), done)
        self.assertEqual(3_000_000, heard[-1].bytes_total)

    def test_B16_a_thousand_conversations_at_once_are_told_apart(self):
        self.put("b16", b"sixteen")
        with self.record() as record:
            owners = self.ask_a_thousand()
        self.assertEqual(1000, len(owners))
        seen = record.conversations()  # of a burst the stream may miss some, and says how many
        self.assertGreater(len(seen.keys() & owners.keys()), 1000 - record.missed - 1)
        for conversation_id, owner in owners.items():
            copies = seen.get(conversation_id, [])
            askers = {getattr(copy.header, "from") for copy in copies
                      if copy.kind == types.REQUEST}
            answered = {copy.header.to.rpartition("-")[0] for copy in copies
                        if copy.kind == types.FINAL}
            self.assertLessEqual(askers | answered, {owner})

    def ask_a_thousand(self):
        """Who asked, by conversation: 20 members with 50 conversations each, all at once."""
        owners = {}
        with contextlib.ExitStack() as stay:
            where = (self.repository.bus, self.repository.name)
            members = [stay.enter_context(BusMember(*where, f"many-{one}")) for one in range(20)]
            waiting = []
            for _ in range(50):
                for member in members:
                    ask = self.conversation(types.GET_FILE_IDS, member)
                    message = ask.message(types.REQUEST, Body(
                        get_file_ids_request=ops.GetFileIdsRequest(
                            files=types.FileSelection(file_id="b16"))), PILLARS[len(owners) % 3])
                    owners[ask.id] = member.principal
                    ask.say(message)
                    waiting.append((ask, message))
            for ask, message in waiting:
                answer = ask.next(30)
                self.assertEqual(message.header.message_id, answer.header.answers)
                self.assertEqual(types.OPERATION_COMPLETED, answer.code, answer)
                self.assertIsNone(ask.next(0), "two finals")
            for member in members:
                self.assertFalse(member.strays)
        return owners

    def test_B17_what_is_alike_has_the_same_shape_everywhere(self):
        pages = 0
        for name, contents in contents_by_operation().items():
            reply = contents.get("identify_reply")
            if reply:
                first = reply.fields_by_number[1]
                self.assertEqual(("time_to_deliver", "TimeToDeliver"),
                                 (first.name, first.message_type.name), name)
            final = contents.get("final")
            if final and "page" in final.fields_by_name:
                pages += 1
                self.assertEqual("PageEnd", final.fields_by_name["page"].message_type.name, name)
            for part in ("identify", "request"):
                fields = contents[part].fields_by_name if part in contents else {}
                for word, kind in (("files", "FileSelection"), ("range", "FileRange"),
                                   ("checksums", "ChecksumSpec"), ("digest", "Digest")):
                    if word in fields:
                        self.assertEqual(kind, fields[word].message_type.name, name)
                for word in ("limit", "cursor", "max_items", "page"):
                    self.assertNotIn(word, fields, f"{name}: paging of its own")
        self.assertEqual(6, pages)
