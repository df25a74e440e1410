# SPDX-License-Identifier: Apache-2.0
"""A8 to A25 of the design note of 2006, and X4: the session between two hosts, on real daemons."""

import hashlib
import json
import random
import socket
import time

from requirement_rig import COLLECTION, PILLARS, Body, RequirementTest, ops, types
from wire_client import data_frame as frames
from wire_client import data_session
from wire_client import vocabulary as wire
from wire_client.frame_session import FrameSession, Stranger, framed

STORE, FETCH = wire.channel.STORE, wire.channel.FETCH
NEGOTIATE = 127  # reserved
BLOCK = 64 * 1024
SETTLING_SECONDS = 10


def closed_first(port, hosts):
    """Connections between this port and hosts of which the port was the first to close, and of which the host was."""
    addresses = {socket.inet_aton(host)[::-1].hex().upper() for host in hosts}
    here = there = 0
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            (local, local_port), (remote, remote_port) = (word.split(":") for word in line.split()[1:3])
            if line.split()[3] == "06":  # TIME_WAIT
                here += int(local_port, 16) == port and remote in addresses
                there += int(remote_port, 16) == port and local in addresses
    return here, there


class ChannelRequirements(RequirementTest):
    """Each test is called by the number of what it holds."""

    def framed(self, action):
        return framed(self.bus.session, action)

    def endpoint(self, pillar=PILLARS[0]):
        """Where a pillar is dialled for bytes, as its tokens tell."""
        self.put("endpoint", b"x", [pillar])
        return self.get(pillar, "endpoint", transfer=self.moving(
            lambda session, token: (session.fetch(token),
                                    data_session.read_token(token).endpoints[0])[1])).transfer

    def refusal(self, action):
        """The code with which the data channel refuses it; 0 when it does not."""
        try:
            action()
        except data_session.TransferEnded as ended:
            return ended.response.code
        return 0

    def files(self, pillar):
        """Every file that a pillar keeps, with its digest."""
        folder = self.repository.directory / pillar / COLLECTION / "files"
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(folder.rglob("*")) if path.is_file()}

    def trail(self, action):
        told = self.run_bitrepo("audit", "--json", "--pillar", PILLARS[0])
        return [line for line in map(json.loads, told.splitlines())
                if line.get("action") == action]

    def test_A08_each_connection_begins_with_who_dialled(self):
        for node in ("host-a", "host-b"):
            with FrameSession(self.endpoint(), node) as session:
                self.assertEqual(frames.HELLO, session.passed[0][1].kind)
                session.say(frames.Frame(frames.GOAWAY, 0, b"x"))
                self.refusal(lambda session=session: session.hear(frames.BYE))
        end = time.monotonic() + SETTLING_SECONDS
        while len(self.trail("DATA_VIOLATION")) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        told = {line["principal"] for line in self.trail("DATA_VIOLATION")}
        self.assertLessEqual({"host-a", "host-b"}, told, "behind one address they are told apart")

    def test_A09_then_come_the_blocks_that_will_be_sent(self):
        data = bytes(range(256)) * 20_000

        def twice(token):
            endpoint = data_session.read_token(token).endpoints[0]
            first = FrameSession(endpoint, self.bus.session)
            first.store_part(token, data, len(data))
            said = first.kinds("said", 1)
            first.abandon()
            with FrameSession(endpoint, self.bus.session) as again:
                data_session.when_free(lambda: again.store(token, data))
                return said, again.sent_bytes

        body = Body(put_file_request=ops.PutFileRequest(
            file_id="a09", size_bytes=len(data), digest=wire.sha256(data)))
        done = self.conversation(types.PUT_FILE).ask(PILLARS[0], body, twice)
        self.assertEqual(types.OPERATION_COMPLETED, done.code, done.final)
        said, sent_again = done.transfer
        self.assertEqual(frames.OPEN, said[0])
        self.assertEqual({frames.DATA}, set(said[1:]))
        self.assertEqual(0, sent_again, "what is there is not sent again")

    def test_A10_blocks_are_as_large_as_both_sides_take(self):
        data = bytes(range(256)) * 4000
        self.put("a10", data)

        def in_small_blocks(token):
            with FrameSession(data_session.read_token(token).endpoints[0], self.bus.session,
                              segment_bytes=BLOCK) as session:
                got = session.fetch(token)
                return got, [len(frame.payload) for way, frame in session.passed
                             if way == "heard" and frame.kind == frames.DATA]

        got, sizes = self.get(PILLARS[0], "a10", transfer=in_small_blocks).transfer
        self.assertEqual(data, got)
        self.assertEqual(BLOCK, max(sizes))
        with Stranger(self.endpoint()) as stranger:
            hello = wire.channel.SessionHello(node="a10", version=1, segment_bytes_max=4095)
            stranger.say(frames.Frame(frames.HELLO, 0, hello.SerializeToString()))
            self.assertEqual(frames.GOAWAY, stranger.heard().kind)

    def test_A12_a_random_subset_of_blocks_moves_and_nothing_else(self):
        blocks = 1000
        data = random.Random(1).randbytes(blocks * BLOCK)
        self.put("a12", data, PILLARS[:1])
        chosen = sorted(random.Random(2).sample(range(blocks), 100))
        ranges = [(number * BLOCK, BLOCK) for number in chosen]

        def fetch(session, token):
            got = session.fetch(token, ranges)
            return got, sum(len(frame.payload) for way, frame in session.passed
                            if way == "heard" and frame.kind == frames.DATA)

        got, moved = self.get(PILLARS[0], "a12", transfer=self.framed(fetch)).transfer
        self.assertEqual(b"".join(data[begin:begin + size] for begin, size in ranges), got)
        self.assertEqual(len(got), moved)

    def test_A15_a_block_comes_behind_its_number(self):
        data = b"fifteen" * 100

        def by_hand(session, token):
            stream = session.open(token, STORE)
            header, payload = frames.Frame(frames.DATA, stream, data, 0, 0).parts(0)
            number = int.from_bytes(header[16:24], "little")
            offset = int.from_bytes(header[24:32], "little")
            session.say(frames.Frame(frames.DATA, stream, payload, number, offset))
            commit = wire.channel.Commit(size_bytes=len(data), digest=wire.sha256(data))
            session.say(frames.Frame(frames.COMMIT, stream, commit.SerializeToString()))
            session.hear(frames.COMMIT_OK, stream=stream)
            return number, offset

        body = Body(put_file_request=ops.PutFileRequest(
            file_id="a15", size_bytes=len(data), digest=wire.sha256(data)))
        done = self.conversation(types.PUT_FILE).ask(PILLARS[0], body, self.framed(by_hand))
        self.assertEqual((types.OPERATION_COMPLETED, (0, 0)), (done.code, done.transfer))
        self.assertEqual(data, self.get(PILLARS[0], "a15").transfer)

    def test_A16_frames_before_identity_are_refused(self):
        endpoint = self.endpoint()
        before = self.files(PILLARS[0])
        openings = [frames.Frame(frames.OPEN, 1, b"x"), frames.Frame(frames.DATA, 1, b"x"),
                    frames.Frame(frames.PING), frames.Frame(frames.BYE)]
        for opening in openings:
            with self.subTest(opening.kind), Stranger(endpoint) as stranger:
                stranger.say(opening)
                told = stranger.heard()
                self.assertEqual(frames.GOAWAY, told.kind)
                why = wire.channel.StreamEnd.FromString(told.payload).response
                self.assertEqual(types.REQUEST_NOT_UNDERSTOOD_FAILURE, why.code)
        self.assertEqual(before, self.files(PILLARS[0]))

    def test_A17_a_token_serves_the_partnership_it_was_made_for(self):
        self.put("a17", b"seventeen")
        elsewhere = self.endpoint(PILLARS[1])

        def at_another_pillar(session, token):
            with FrameSession(elsewhere, self.bus.session) as other:
                refused = self.refusal(lambda: other.fetch(token))
            return refused, session.fetch(token)

        got = self.get(PILLARS[0], "a17", transfer=self.framed(at_another_pillar))
        self.assertEqual((types.INVALID_TOKEN, b"seventeen"), got.transfer)

    def test_A18_the_verb_is_said_and_held_against_the_token(self):
        self.put("a18", b"eighteen")
        before = self.files(PILLARS[0])

        def the_other_way(session, token):
            refused = self.refusal(lambda: session.store(token, b"EIGHTEEN"))
            return refused, session.fetch(token)

        got = self.get(PILLARS[0], "a18", transfer=self.framed(the_other_way))
        self.assertEqual((types.DENIED, b"eighteen"), got.transfer)
        self.assertEqual(before, self.files(PILLARS[0]))

    def test_A19_negotiation_is_not_supported_and_the_session_stays_usable(self):
        self.put("a19", b"nineteen")

        def negotiate(session, token):
            return self.refusal(lambda: session.open_only(token, NEGOTIATE)), session.fetch(token)

        got = self.get(PILLARS[0], "a19", transfer=self.framed(negotiate))
        self.assertEqual((types.REQUEST_NOT_SUPPORTED, b"nineteen"), got.transfer)

    def test_A20_then_a_block_is_named_within_what_was_granted(self):
        data = bytes(1000)
        self.put("a20", data)

        def past_the_end(session, token):
            return self.refusal(lambda: session.fetch(token, [(999, 2)])), session.fetch(token)

        got = self.get(PILLARS[0], "a20", transfer=self.framed(past_the_end))
        self.assertEqual((types.RANGE_ERROR, data), got.transfer)

    def test_A21_an_acknowledgement_comes_before_each_block(self):
        data = bytes(range(256)) * 20_000
        self.put("a21", data)

        def fetch(session, token):
            session.fetch(token)
            return [(frame.kind, frame.number) for way, frame in session.passed
                    if way == "heard" and frame.kind in (frames.ACK, frames.DATA)]

        heard = self.get(PILLARS[0], "a21", transfer=self.framed(fetch)).transfer
        self.assertEqual([(kind, number) for number in range(len(heard) // 2)
                          for kind in (frames.ACK, frames.DATA)], heard)

    def test_A21_a_block_that_is_damaged_is_refused_and_the_session_goes_on(self):
        self.put("a21-bad", bytes(200_000))
        self.put("a21-good", b"good")
        self.flip(PILLARS[0], "a21-bad")

        def both(session, token):
            refused = self.refusal(lambda: session.fetch(token))
            good = self.get(PILLARS[0], "a21-good",
                            transfer=lambda other: session.fetch(other))
            acks = [frame for way, frame in session.passed
                    if way == "heard" and frame.kind == frames.ACK]
            return refused, good.transfer, int.from_bytes(acks[0].payload[8:12], "little")

        got = self.get(PILLARS[0], "a21-bad", transfer=self.framed(both))
        self.assertEqual((types.DATA_LOSS, b"good", types.DATA_LOSS), got.transfer)

    def test_A22_a_store_begins_at_once(self):
        data = bytes(range(256)) * 1000

        def without_waiting(session, token):
            stream = session.open(token, STORE)
            session.say(frames.Frame(frames.DATA, stream, data))
            commit = wire.channel.Commit(size_bytes=len(data), digest=wire.sha256(data))
            session.say(frames.Frame(frames.COMMIT, stream, commit.SerializeToString()))
            session.hear(frames.COMMIT_OK, stream=stream)
            return session.welcome.initial_credit

        body = Body(put_file_request=ops.PutFileRequest(
            file_id="a22", size_bytes=len(data), digest=wire.sha256(data)))
        done = self.conversation(types.PUT_FILE).ask(PILLARS[0], body,
                                                     self.framed(without_waiting))
        self.assertEqual(types.OPERATION_COMPLETED, done.code, done.final)
        self.assertGreaterEqual(done.transfer, 1 << 20)

    def test_A24_the_side_that_dialled_ends_every_connection(self):
        pillar = self.endpoint().removeprefix("tcp://")
        port = int(pillar.rsplit(":", 1)[1])
        # Each from an address of its own: else the kernel may give the port of one that has ended to the next.
        hosts = [f"127.0.0.{number}" for number in range(2, 102)]
        for host in hosts:
            with FrameSession(f"tcp://{host}:0;{pillar}", f"host-{host}"):
                pass
        end = time.monotonic() + SETTLING_SECONDS
        while closed_first(port, hosts)[1] < len(hosts) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual((0, len(hosts)), closed_first(port, hosts))

    def test_A25_one_connection_serves_store_and_restore_in_turn(self):
        with FrameSession(self.endpoint(), self.bus.session) as session:
            for number in range(50):
                data = f"block {number}".encode() * 100
                body = Body(put_file_request=ops.PutFileRequest(
                    file_id=f"a25/{number}", size_bytes=len(data), digest=wire.sha256(data)))
                put = self.conversation(types.PUT_FILE).ask(
                    PILLARS[0], body, lambda token, data=data: session.store(token, data))
                self.assertEqual(types.OPERATION_COMPLETED, put.code, put.final)
                got = self.get(PILLARS[0], f"a25/{number}", transfer=session.fetch)
                self.assertEqual(data, got.transfer)

    def flip(self, pillar, file_id):
        """Flips a bit of a file as it lies on the pillar's disk."""
        files = self.repository.directory / pillar / COLLECTION / "files"
        stored = next(files.rglob(f"{file_id}~*"))
        with open(stored, "r+b") as file:
            file.seek(stored.stat().st_size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))

    def test_X4_a_bit_that_flips_on_the_way_is_refused_and_comes_again(self):
        data = bytes(range(256)) * 1000

        def damaged(session, token):
            stream = session.open(token, STORE)
            session.damage(stream, data, 0, 0)
            session.hear(frames.NACK, stream=stream)
            session.say(frames.Frame(frames.DATA, stream, data))
            commit = wire.channel.Commit(size_bytes=len(data), digest=wire.sha256(data))
            session.say(frames.Frame(frames.COMMIT, stream, commit.SerializeToString()))
            return wire.channel.StreamEnd.FromString(
                session.hear(frames.COMMIT_OK, stream=stream).payload).response.code

        body = Body(put_file_request=ops.PutFileRequest(
            file_id="x4", size_bytes=len(data), digest=wire.sha256(data)))
        done = self.conversation(types.PUT_FILE).ask(PILLARS[0], body, self.framed(damaged))
        self.assertEqual((types.OPERATION_COMPLETED,) * 2, (done.code, done.transfer))
        self.assertEqual(data, self.get(PILLARS[0], "x4").transfer)

    def test_X4_a_bit_that_flips_on_a_disk_is_refused_and_comes_from_another_pillar(self):
        data = bytes(range(256)) * 1000
        self.put("x4-disk", data)
        self.flip(PILLARS[0], "x4-disk")
        self.assertEqual(types.DATA_LOSS,
                         self.get(PILLARS[0], "x4-disk", transfer=self.moving(
                             lambda session, token: self.refusal(
                                 lambda: session.fetch(token)))).transfer)
        # 6 where the damaged copy was tried first.
        self.assertEqual(data, self.run_bitrepo("get", "x4-disk", "-o", "-", exit_code=(0, 6)))
        told = self.run_bitrepo("alarms", "--json").decode()
        self.assertIn("data-loss", told)
        self.assertIn("x4-disk", told)
