# SPDX-License-Identifier: Apache-2.0
"""What passes over the bus from one moment to another, by the watch stream (docs/spec/10)."""

import time

import zmq

from wire_client import vocabulary as wire
from wire_client.bus_member import Message
from wire_client.conversation import Conversation

STREAM_SECONDS = 20


class WatchRecorder:
    """The copies between the beginning and the end of a `with`, whole at its end.

    The stream is lossy and comes by itself: a question of our own before and after fences it.
    Requires: at most as many messages in between as the stream holds for a slow watcher.
    """

    def __init__(self, bus, pillar):
        self._bus = bus
        self._pillar = pillar
        self._fences = []
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.subscribe(b"")
        self._socket.connect(bus.welcome.watch_endpoint)
        self.copies = []  # Message, without its secret
        self.bytes = 0    # of all their frames but the number of the copy
        self.missed = 0   # copies that were lost on the way here
        self._last = None

    def __enter__(self):
        self._fence()
        return self

    def __exit__(self, kind, *_):
        if not kind:
            self._fence()
            self.copies = [copy for copy in self.copies
                           if copy.header.conversation_id not in self._fences]
        self._socket.close(linger=0)
        self._context.term()

    def conversations(self):
        """The copies of each conversation, in order, by its id."""
        found = {}
        for copy in self.copies:
            if copy.header.conversation_id:
                found.setdefault(copy.header.conversation_id, []).append(copy)
        return found

    def _fence(self):
        """Asks a pillar until the copy of an answer has come: all that was said before has, too."""
        end = time.monotonic() + STREAM_SECONDS
        while time.monotonic() < end:
            ask = Conversation(self._bus, wire.types.GET_STATUS, "")
            self._fences.append(ask.id)
            ask.ask(self._pillar, wire.envelope.Body(
                get_status_request=wire.operations.GetStatusRequest()))
            while self._socket.poll(1000):
                if self._take(self._socket.recv_multipart()) == ask.id:
                    return
        raise TimeoutError(f"no copy comes from {self._bus.welcome.watch_endpoint}")

    def _take(self, frames):
        """Keeps a copy; the conversation when it is a FINAL."""
        number, destination, header, body = frames[:4]
        number = int.from_bytes(number, "little")
        if self._last is not None:
            self.missed += number - self._last - 1
        self._last = number
        copy = Message(destination.decode(), wire.envelope.Header.FromString(header),
                       wire.envelope.Body.FromString(body))
        self.copies.append(copy)
        self.bytes += sum(map(len, frames[1:]))
        return copy.header.conversation_id if copy.kind == wire.types.FINAL else None
