# SPDX-License-Identifier: Apache-2.0
"""The dialling side of the data channel (docs/spec/40): stores and fetches under a token."""

import base64
import hashlib
import struct
import time

import zmq

from wire_client import data_frame as frames
from wire_client import vocabulary as wire

SEGMENT_BYTES = 1 << 20
FETCH_WINDOW_BYTES = 4 << 20
SILENCE_SECONDS = 15
PING_SECONDS = 5
STALL_SECONDS = 60  # the peer lives, and what is due does not come
BUSY_PAUSE_SECONDS = 0.05


class TransferEnded(Exception):
    """The peer refused or aborted; `response` says why."""

    def __init__(self, response):
        super().__init__(f"{wire.code_name(response.code)}: {response.text}")
        self.response = response


def read_token(token):
    """What a token says, without proof: only its issuer can tell whether it is whole."""
    text = token.removeprefix("brt1_")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return wire.channel.TokenBody.FromString(raw[:-32])


class _Sending:
    """What the sender of a store knows: its segments, what was refused, credit and its use."""

    def __init__(self, credit):
        self.credit = credit
        self.spent = 0
        self.segments = []  # (offset, payload) by number
        self.refused = []   # numbers, the oldest first

    def due_bytes(self):
        return len(self.segments[self.refused[0]][1])


class DataSession:
    """One connection to one endpoint. Loop-confined. Lifetime: `with`, which ends with BYE."""

    def __init__(self, endpoint, node, segment_bytes=SEGMENT_BYTES):
        self._sent = 0
        self._received = 0
        self._stream = 0
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 500)
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._socket.connect(endpoint)
        self.sent_bytes = 0  # of DATA payload
        hello = wire.channel.SessionHello(node=node, version=1, segment_bytes_max=segment_bytes)
        self._say(frames.Frame(frames.HELLO, payload=hello.SerializeToString()))
        welcome = self._hear(frames.WELCOME)
        self.welcome = wire.channel.SessionWelcome.FromString(welcome.payload)
        self._segment = min(segment_bytes, self.welcome.segment_bytes_max)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if not self._socket.closed:
            self._say(frames.Frame(frames.BYE))
            self._socket.close()
            self._context.term()

    def abandon(self):
        """Ends the connection without a word, as a process that dies does."""
        self._socket.close(linger=0)
        self._context.term()

    def store(self, token, data, claimed=None):
        """Sends `data`; the response of COMMIT_OK. `claimed`: a digest to COMMIT in its place."""
        stream = self._open(token, wire.channel.STORE)
        answer = self._hear(frames.OPEN_OK, stream=stream)
        opened = wire.channel.OpenOk.FromString(answer.payload)
        sending = _Sending(max(self.welcome.initial_credit, opened.credit))
        if not read_token(token).digest_only:
            for owed in opened.missing:
                begin, end = owed.offset, min(owed.offset + owed.length, len(data))
                while begin < end:
                    room = self._await_room(stream, sending)
                    payload = data[begin:begin + min(self._segment, end - begin, room)]
                    sending.segments.append((begin, payload))
                    self._send_segment(stream, sending, len(sending.segments) - 1)
                    begin += len(payload)
        commit = wire.channel.Commit(size_bytes=len(data), digest=wire.types.Digest(
            algorithm=wire.types.SHA256, value=claimed or hashlib.sha256(data).digest()))
        self._say(frames.Frame(frames.COMMIT, stream, commit.SerializeToString()))
        while True:
            answer = self._store_word(stream, sending, frames.COMMIT_OK)
            if answer.kind == frames.COMMIT_OK:
                return wire.channel.StreamEnd.FromString(answer.payload).response
            while sending.refused and sending.credit - sending.spent >= sending.due_bytes():
                self._send_segment(stream, sending, sending.refused.pop(0))

    def fetch(self, token, ranges=(), response=None, end=None):
        """The bytes of the ranges wanted (none: all), in that order.

        Says DONE with the code `response`, and calls `end` before that.
        """
        stream = self._open(token, wire.channel.FETCH, ranges)
        credit = FETCH_WINDOW_BYTES
        self._say(frames.Frame(frames.CREDIT, stream, offset=credit))
        answer = self._hear(frames.OPEN_OK, stream=stream)
        size = wire.channel.OpenOk.FromString(answer.payload).size_bytes
        pieces, refused, number, came = {}, {}, 0, 0
        while came < size:
            ack = self._hear(frames.ACK, stream=stream)
            length, code, _ = struct.unpack("<QII", ack.payload)
            if code != wire.types.OPERATION_COMPLETED:
                self._hear(stream=stream)  # ABORT, which says why
            part = self._hear(frames.DATA, stream=stream)
            if (part.number, part.offset) != (ack.number, ack.offset):
                raise frames.FrameFault("DATA is not the segment that ACK announced")
            if part.number not in refused and part.number != number:
                raise frames.FrameFault(f"segment {part.number} where {number} is due")
            number = max(number, part.number + 1)
            if part.damaged:
                refused[part.number] = part.offset
                self._say(frames.Frame(frames.NACK, stream, _end(wire.types.DATA_LOSS),
                                       part.number, part.offset))
            elif len(part.payload) != length:
                raise frames.FrameFault("DATA is not as long as ACK announced")
            else:
                refused.pop(part.number, None)
                pieces[part.number] = part.payload
                came += length
            credit += len(part.payload)
            self._say(frames.Frame(frames.STORED, stream, offset=came))
            self._say(frames.Frame(frames.CREDIT, stream, offset=credit))
        if end:
            end()
        done = response or wire.types.OPERATION_COMPLETED
        self._say(frames.Frame(frames.DONE, stream, _end(done)))
        return b"".join(pieces[key] for key in sorted(pieces))

    def open_only(self, token, verb):
        """OPEN and its answer; TransferEnded where it is refused."""
        stream = self._open(token, verb)
        answer = self._hear(frames.OPEN_OK, stream=stream)
        return wire.channel.OpenOk.FromString(answer.payload)

    def store_part(self, token, data, end):
        """Sends the first `end` bytes, in segments, and waits until they have come. No COMMIT."""
        stream = self._open(token, wire.channel.STORE)
        self._hear(frames.OPEN_OK, stream=stream)
        for number, begin in enumerate(range(0, end, self._segment)):
            payload = data[begin:min(begin + self._segment, end)]
            self._say(frames.Frame(frames.DATA, stream, payload, number, begin))
        self._say(frames.Frame(frames.PING))
        self._hear(frames.PONG)

    def fetch_part(self, token):
        """Hears the first segment of a fetch, and no more."""
        stream = self._open(token, wire.channel.FETCH)
        self._say(frames.Frame(frames.CREDIT, stream, offset=self._segment))
        for kind in (frames.OPEN_OK, frames.ACK, frames.DATA):
            self._hear(kind, stream=stream)

    def abort(self, code):
        """Ends the stream that was opened last, and its transfer."""
        self._say(frames.Frame(frames.ABORT, self._stream, _end(code)))

    # ---- frames

    def _open(self, token, verb, ranges=()):
        self._stream += 1
        wanted = [wire.channel.Range(offset=offset, length=length) for offset, length in ranges]
        opening = wire.channel.Open(token=token, verb=verb, ranges=wanted)
        self._say(frames.Frame(frames.OPEN, self._stream, opening.SerializeToString()))
        return self._stream

    def _await_room(self, stream, sending):
        """Sends again what was refused, then waits until there is credit; how much."""
        while True:
            if sending.refused and sending.credit - sending.spent >= sending.due_bytes():
                self._send_segment(stream, sending, sending.refused.pop(0))
            elif not sending.refused and sending.credit > sending.spent:
                return sending.credit - sending.spent
            else:
                self._store_word(stream, sending)

    def _store_word(self, stream, sending, *more):
        """Waits for one word of the receiver of a store, and keeps what it says."""
        answer = self._hear(frames.CREDIT, frames.STORED, frames.NACK, *more, stream=stream)
        if answer.kind == frames.CREDIT:
            sending.credit = max(sending.credit, answer.offset)  # credit only rises [D-20]
        elif answer.kind == frames.NACK:
            sending.refused.append(answer.number)
        return answer

    def _send_segment(self, stream, sending, number):
        offset, payload = sending.segments[number]
        sending.spent += len(payload)
        self.sent_bytes += len(payload)
        self._say(frames.Frame(frames.DATA, stream, payload, number, offset))

    def _say(self, frame):
        self._socket.send_multipart(frame.parts(self._sent))
        self._sent += 1

    def _hear(self, *kinds, stream=0):
        """The next frame of one of these kinds; answers PING, raises at the end of the stream."""
        end = time.monotonic() + STALL_SECONDS
        while time.monotonic() < end:
            frame = frames.Frame.parse(self._receive(), self._received)
            self._received += 1
            if frame.kind == frames.PING:
                self._say(frames.Frame(frames.PONG))
            elif frame.kind in kinds and frame.stream == stream:
                return frame
            elif frame.kind == frames.GOAWAY or (
                    frame.kind in (frames.ABORT, frames.OPEN_REFUSED) and frame.stream == stream):
                raise TransferEnded(wire.channel.StreamEnd.FromString(frame.payload).response)
            elif frame.stream == stream and frame.kind in frames.OF_STREAMS:
                raise frames.FrameFault(f"type {frame.kind} is not due")
        raise frames.FrameFault(f"nothing that was waited for has come in {STALL_SECONDS} s")

    def _receive(self):
        end = time.monotonic() + SILENCE_SECONDS
        while time.monotonic() < end:
            if self._socket.poll(PING_SECONDS * 1000):
                return self._socket.recv_multipart()
            self._say(frames.Frame(frames.PING))
        raise frames.FrameFault(f"the peer is silent for {SILENCE_SECONDS} s")


def when_free(action, seconds=10):
    """Does it again after a pause while it is refused as BUSY. [D-31]"""
    end = time.monotonic() + seconds
    while True:
        try:
            return action()
        except TransferEnded as ended:
            if ended.response.code != wire.types.BUSY or time.monotonic() > end:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)


def _end(code):
    end = wire.channel.StreamEnd(response=wire.types.ResponseInfo(code=code))
    return end.SerializeToString()


def transfer(node, action):
    """For Conversation.ask(): dials the first endpoint of a token, does action(session, token)."""

    def run(token):
        with DataSession(read_token(token).endpoints[0], node) as session:
            return action(session, token)

    return run
