# SPDX-License-Identifier: Apache-2.0
"""Sessions of the data channel for tests that look at frames, or say frames of their own."""

import zmq

from wire_client import data_frame as frames
from wire_client.data_session import DataSession, read_token

ANSWER_SECONDS = 10


class FrameSession(DataSession):
    """A DataSession that keeps what passes: ("said" or "heard", frame) in order."""

    def __init__(self, *words, **options):
        self.passed = []
        super().__init__(*words, **options)

    def kinds(self, direction, stream):
        """The types of what passed in one direction on a stream."""
        return [frame.kind for way, frame in self.passed
                if way == direction and frame.stream == stream]

    def say(self, frame):
        """Says a frame of the caller's own."""
        self._say(frame)

    def hear(self, kind, stream=0):
        """The next frame of this type, past what a receiver says; raises at the stream's end."""
        while True:
            frame = self._hear(frames.OPEN_OK, frames.CREDIT, frames.STORED, kind, stream=stream)
            if frame.kind == kind:
                return frame

    def open(self, token, verb, ranges=()):
        """Says OPEN; the number of the stream."""
        return self._open(token, verb, ranges)

    def damage(self, stream, payload, number, offset):
        """Says a segment in which one bit was flipped on the way."""
        parts = frames.Frame(frames.DATA, stream, payload, number, offset).parts(self._sent)
        flipped = bytearray(parts[1])
        flipped[len(flipped) // 2] ^= 1
        self._socket.send_multipart([parts[0], bytes(flipped)])
        self._sent += 1

    def _say(self, frame):
        self.passed.append(("said", frame))
        super()._say(frame)

    def _receive(self):
        parts = super()._receive()
        self.passed.append(("heard", frames.Frame.parse(parts, self._received)))
        return parts


class Stranger:
    """A connection without a greeting, which says what it likes. Lifetime: `with`."""

    def __init__(self, endpoint):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._socket.connect(endpoint)
        self._said = 0
        self._heard = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._context.term()

    def say(self, frame):
        """Says it, of the sequence that is due."""
        self._socket.send_multipart(frame.parts(self._said))
        self._said += 1

    def say_parts(self, *parts):
        """Says a message of these parts, whatever they are."""
        self._socket.send_multipart(parts)
        self._said += 1

    def heard(self):
        """The next frame, or None within ANSWER_SECONDS."""
        if not self._socket.poll(ANSWER_SECONDS * 1000):
            return None
        self._heard += 1
        return frames.Frame.parse(self._socket.recv_multipart(), self._heard - 1)


def framed(node, action):
    """For Conversation.ask(): as transfer() of data_session, with a FrameSession."""

    def run(token):
        with FrameSession(read_token(token).endpoints[0], node) as session:
            return action(session, token)

    return run
