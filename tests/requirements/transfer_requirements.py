# SPDX-License-Identifier: Apache-2.0
"""B18 to B31 of the founding document: checksums, paging, tokens, segments."""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

from requirement_rig import COLLECTION, PILLARS, Body, RequirementTest, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"

# Knows a token, and nothing else of the repository.
FETCHER = """
import sys
sys.path.insert(0, sys.argv[1])
from wire_client import data_session
token = sys.stdin.read()
endpoint = data_session.read_token(token).endpoints[0]
with data_session.DataSession(endpoint, "stranger") as session:
    sys.stdout.buffer.write(session.fetch(token))
"""


class TransferRequirements(RequirementTest):
    """Each test is called by the number of what it holds."""

    def openssl(self, data, *words):
        """What openssl says of these bytes, in hex."""
        done = subprocess.run(["openssl", "dgst", "-r", *words], input=data, capture_output=True,
                              check=True)
        return done.stdout.split()[0].decode()

    def test_B18_checksums_are_asked_as_bytes_are(self):
        data = bytes(range(256)) * 5000
        self.put("b18", data)
        with self.record() as record:
            self.get(PILLARS[0], "b18", 1000, 70_000)
            done = self.checksums(PILLARS[0], ops.GetChecksumsRequest(
                files=types.FileSelection(file_id="b18"), offset=1000, length=70_000,
                checksums=types.ChecksumSpec(algorithms=[types.HMAC_SHA256], salt=b"salt")))
        get, checksums = record.conversations().values()
        self.assertEqual([types.REQUEST, types.PROGRESS, types.FINAL],
                         list(dict.fromkeys(copy.kind for copy in get)))
        self.assertEqual([types.REQUEST, types.FINAL],
                         [copy.kind for copy in checksums if copy.kind != types.PROGRESS])
        self.assertEqual(self.openssl(data[1000:71_000], "-sha256", "-hmac", "salt"),
                         done.content.items[0].digests[0].value.hex())

    def pages_of(self, operation, field, request, items_of):
        """All items, two at a time, and how many pages they took."""
        found, cursor, pages = [], b"", 0
        while True:
            body = Body(page=types.PageSpec(limit_items=2, cursor=cursor))
            getattr(body, field).CopyFrom(request)
            done = self.conversation(operation).ask(PILLARS[0], body)
            self.assertEqual(types.OPERATION_COMPLETED, done.code, done.final)
            found += items_of(done.content)
            pages += 1
            cursor = done.content.page.next_cursor
            if not cursor:
                return found, pages

    def test_B19_every_list_is_paged_alike(self):
        ids = [f"b19/{number}" for number in range(5)]
        for file_id in ids:
            self.put(file_id, file_id.encode(), PILLARS[:1])
        files = types.FileSelection(prefix="b19/")
        for operation, field, request, name in (
                (types.GET_FILE_IDS, "get_file_ids_request", ops.GetFileIdsRequest(files=files),
                 lambda item: item.file_id),
                (types.GET_CHECKSUMS, "get_checksums_request",
                 ops.GetChecksumsRequest(files=files), lambda item: item.file_id),
                (types.GET_FILE_INFOS, "get_file_infos_request",
                 ops.GetFileInfosRequest(files=files), lambda item: item.file.file_id)):
            with self.subTest(field):
                found, pages = self.pages_of(operation, field, request,
                                             lambda content, name=name: list(
                                                 map(name, content.items)))
                self.assertEqual((ids, 3), (found, pages))
        trail, pages = self.pages_of(
            types.GET_AUDIT_TRAILS, "get_audit_trails_request",
            ops.GetAuditTrailsRequest(action="PUT_FILE"),
            lambda content: [item.file_id for item in content.items])
        self.assertEqual(ids, [one for one in trail if one.startswith("b19/")])
        self.assertGreaterEqual(pages, 3)

    def test_B20_parameters_are_paged(self):
        held = [f"b20/{number}" for number in range(10)]
        for file_id in held:
            self.put(file_id, file_id.encode(), PILLARS[:1])
        ids = [held[number * 7 % 10] for number in range(20_000)]
        with self.record() as record:
            told = self.run_bitrepo("checksums", "--ids-from", "-", "--json", "--pillar",
                                    PILLARS[0], data="\n".join(ids).encode())
        items = [line["file_id"] for line in map(json.loads, told.splitlines())
                 if line["type"] == "item"]
        self.assertEqual(ids, items)
        self.assertLess(record.bytes, 200_000, "the ids and their answers went by the bus")
        self.assertEqual(1, len(record.conversations()))

    def test_B21_a_random_check_of_segments_finds_one_changed_byte(self):
        data = bytes(range(256)) * 64
        self.put("b21", data)
        files = self.repository.directory / PILLARS[1] / COLLECTION / "files"
        stored = next(files.rglob("b21~*"))
        with open(stored, "r+b") as file:
            file.seek(9_000)
            file.write(bytes([data[9_000] ^ 1]))

        def digests(pillar, salt):
            done = self.checksums(pillar, ops.GetChecksumsRequest(
                files=types.FileSelection(file_id="b21"), block_bytes=4096,
                checksums=types.ChecksumSpec(algorithms=[types.HMAC_SHA256], salt=salt,
                                             fresh=True)))
            return done.code, [item.digests[0].value for item in done.content.items
                               if item.digests]

        good = digests(PILLARS[0], b"today")
        self.assertEqual((types.OPERATION_COMPLETED, 4), (good[0], len(good[1])))
        self.assertNotEqual(good, digests(PILLARS[1], b"today"))
        self.assertFalse(set(good[1]) & set(digests(PILLARS[0], b"tomorrow")[1]))

    def test_B22_a_client_does_not_page_by_hand(self):
        ids = [f"b22/{number:03}/" + "long" * 60 for number in range(600)]  # 250 bytes each
        source = self.repository.directory / "b22-source"
        for file_id in ids:
            (source / file_id).parent.mkdir(parents=True)
            (source / file_id).write_bytes(b"x")
        self.run_bitrepo("put", "--recursive", ".", "--pillar", PILLARS[0], folder=source)
        with self.record() as record:
            told = self.run_bitrepo("file-ids", "--prefix", "b22/", "--json", "--pillar", PILLARS[0])
        self.assertEqual(ids, [line["file_id"] for line in map(json.loads, told.splitlines())
                               if line["type"] == "item"])
        asked = [copy for copy in record.copies if copy.kind == types.REQUEST
                 and copy.header.to == PILLARS[0]]
        self.assertGreater(len(asked), 1, "the list was one page")

    def test_B23_what_decides_knows_no_software_of_the_bus(self):
        libraries = pathlib.Path(self.bitrepo).resolve().parents[1]
        for name in ("bus_protocol", "channel_transfer", "client", "pillar", "pillar_requests"):
            found = sorted(libraries.rglob(f"libbitrepo_{name}.a"))
            self.assertEqual(1, len(found), name)
            symbols = subprocess.run(["nm", "-C", found[0]], check=True, capture_output=True).stdout
            self.assertNotIn(b" zmq_", symbols, name)

    def token(self, *words, data=b""):
        """The token that the command prints."""
        return self.run_bitrepo(*words, "--token-only", data=data).decode().split()[-1]

    def bare(self, *words, data=b"", exit_code=0):
        """The program with nothing: no environment, an empty directory."""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([pathlib.Path(self.bitrepo).resolve(), *words], input=data,
                                  capture_output=True, cwd=folder, env={}, timeout=60,
                                  check=False)
        self.assertEqual(exit_code, done.returncode, done.stderr.decode()[-500:])
        return done.stdout

    def test_B25_a_token_identifies_a_transmission(self):
        data = bytes(range(256)) * 100
        self.put("b25", data)
        tokens = [self.token("get", "b25", "--from", PILLARS[0]) for _ in range(2)]
        told = [json.loads(self.bare("token", "show", token, "--json").splitlines()[1])
                for token in tokens]
        self.assertNotEqual(told[0]["conversation"], told[1]["conversation"])
        for one in told:
            self.assertEqual((PILLARS[0], "b25", "fetch", len(data), hashlib.sha256(data).hexdigest()),
                             (one["pillar"], one["file_id"], one["verb"], one["bytes"],
                              one["digest"]))
        self.assertEqual(data, self.bare("fetch", "-", "-o", "-", data=tokens[0].encode()))
        states = [json.loads(self.bare("status", token, "--json").splitlines()[1])["result"]
                  for token in tokens]
        self.assertEqual(["done", "waiting"], states)

    def test_B26_a_token_is_enough_to_complete_a_transmission(self):
        data = bytes(range(256)) * 5000
        self.put("b26", data)
        def elsewhere(token):
            return subprocess.run([sys.executable, "-c", FETCHER, str(SUPPORT)], check=True,
                                  input=token.encode(), capture_output=True,
                                  env={"PATH": "/usr/bin:/bin"}, timeout=60).stdout

        got = self.get(PILLARS[0], "b26", transfer=elsewhere)
        self.assertEqual(data, got.transfer)
        self.assertEqual(types.OPERATION_COMPLETED, got.code)

        store = self.token("put", "--id", "b26-pushed", "--pillar", PILLARS[1])
        self.bare("push", store, "-", data=data)
        self.assertEqual(data, self.run_bitrepo("cat", "b26-pushed", "--from", PILLARS[1]))

    def test_B27_a_token_is_for_what_it_says_alone(self):
        self.put("b27", bytes(1000))
        fetch, store = wire.channel.FETCH, wire.channel.STORE

        def try_all(session, token):
            codes = {}
            for at in range(len("brt1_"), len(token)):
                changed = token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1:]
                codes.setdefault(self.refusal(lambda one=changed: session.open_only(one, fetch)),
                                 []).append(at)
            other_verb = self.refusal(lambda: session.open_only(token, store))
            other_range = self.refusal(lambda: session.fetch(token, [(200, 1)]))
            return set(codes), other_verb, other_range, session.fetch(token)

        got = self.get(PILLARS[0], "b27", 100, 50, self.moving(try_all))
        self.assertEqual(({types.INVALID_TOKEN}, types.DENIED, types.RANGE_ERROR, bytes(50)),
                         got.transfer)
        token = self.token("get", "b27", "--range", "100:50")
        self.bare("push", token, "-", data=bytes(50), exit_code=7)
        self.assertEqual(bytes(50), self.bare("fetch", token, "-o", "-"))
        self.bare("fetch", token, "-o", "-", exit_code=7)

    def refusal(self, action):
        """The code with which the data channel refuses it; 0 when it does not."""
        try:
            action()
        except data_session.TransferEnded as ended:
            return ended.response.code
        return 0

    def test_B28_a_segment_is_named_by_offset_and_length(self):
        data = hashlib.sha512(b"twenty-eight").digest()
        self.put("b28", data)
        self.assertEqual(data[5:12], self.run_bitrepo("get", "b28", "--range", "5:7", "-o", "-"))

    def test_B29_any_get_takes_an_offset_and_a_length(self):
        data = bytes(range(200))
        self.put("b29", data)
        selected = types.FileSelection(file_id="b29")
        for offset, length, wanted in ((0, None, data), (5, 7, data[5:12]), (200, None, b""),
                                       (199, 1, data[199:])):
            self.assertEqual(wanted, self.get(PILLARS[0], "b29", offset, length).transfer)
            digests = self.checksums(PILLARS[0], ops.GetChecksumsRequest(
                files=selected, offset=offset, length=length))
            self.assertEqual(hashlib.sha256(wanted).digest(),
                             digests.content.items[0].digests[0].value)
        for offset, length in ((0, 201), (201, None), (2**64 - 1, 2)):
            self.assertEqual(types.RANGE_ERROR,
                             self.get(PILLARS[0], "b29", offset, length).code)
            self.assertEqual(types.RANGE_ERROR, self.checksums(
                PILLARS[0], ops.GetChecksumsRequest(files=selected, offset=offset,
                                                    length=length)).code)

    def test_B30_divided_files_are_put_together_again(self):
        data = bytes(range(256)) * 4000
        self.put("b30", data)
        size = -(-len(data) // 7)
        parts = {}
        for number in (3, 0, 6, 1, 5, 2, 4):
            begin = number * size
            got = self.get(PILLARS[number % 2], "b30", begin, min(size, len(data) - begin))
            parts[number] = got.transfer
        self.assertEqual(data, b"".join(parts[number] for number in range(7)))

    def test_B31_an_interrupted_transmission_goes_on_with_what_is_missing(self):
        data = bytes(range(256)) * 10_000

        def in_two_sessions(token):
            endpoint = data_session.read_token(token).endpoints[0]
            broken = data_session.DataSession(endpoint, self.bus.session)
            broken.store_part(token, data, 2_000_000)
            broken.abandon()
            with data_session.DataSession(endpoint, self.bus.session) as session:
                data_session.when_free(lambda: session.store(token, data))
                return session.sent_bytes

        body = Body(put_file_request=ops.PutFileRequest(
            file_id="b31", size_bytes=len(data), digest=wire.sha256(data)))
        done = self.conversation(types.PUT_FILE).ask(PILLARS[0], body, in_two_sessions)
        self.assertEqual(types.OPERATION_COMPLETED, done.code, done.final)
        self.assertEqual(len(data) - 2_000_000, done.transfer)

    def test_B31_another_conversation_goes_on_with_what_came(self):
        data = bytes(range(256)) * 24_000
        body = Body(put_file_request=ops.PutFileRequest(
            file_id="b31-again", size_bytes=len(data), source_stamp=b"these very bytes"))

        def cut(token):
            endpoint = data_session.read_token(token).endpoints[0]
            with data_session.DataSession(endpoint, self.bus.session) as session:
                session.store_part(token, data, 5_000_000)
                session.abort(types.FILE_TRANSFER_FAILURE)

        def whole(token):
            endpoint = data_session.read_token(token).endpoints[0]
            with data_session.DataSession(endpoint, self.bus.session) as session:
                session.store(token, data)
                return session.sent_bytes

        first = self.conversation(types.PUT_FILE).ask(PILLARS[0], body, cut)
        self.assertEqual(types.FILE_TRANSFER_FAILURE, first.code, first.final)
        second = self.conversation(types.PUT_FILE).ask(PILLARS[0], body, whole)
        self.assertEqual(types.OPERATION_COMPLETED, second.code, second.final)
        self.assertEqual(5_000_000, second.accepted.content.held_bytes)
        self.assertEqual(len(data) - 5_000_000, second.transfer)
        self.assertEqual(data, self.get(PILLARS[0], "b31-again").transfer)
