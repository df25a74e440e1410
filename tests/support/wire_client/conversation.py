# SPDX-License-Identifier: Apache-2.0
"""One conversation (docs/spec/30) from the asking side: identify, request, progress, final."""

import random
import time

from wire_client import vocabulary as wire
from wire_client.bus_member import Message
from wire_client.data_session import TransferEnded

IDENTIFY_SECONDS = 3
PATIENCE_SECONDS = 30
SETTLING_SECONDS = 8  # of an identify, after the last ROUTED that says so
RESEND_SECONDS = (1, 2, 4, 8)


class Unanswered(Exception):
    """A contributor fell silent: what became of the request is unknown."""


class Exchange:
    """What came of one request: every progress, the final, and what the transfer brought."""

    def __init__(self, request):
        self.request = request
        self.progress = []
        self.final = None
        self.transfer = None
        self.ended = None  # why, where the data channel ended it

    @property
    def code(self):
        return self.final.code

    @property
    def content(self):
        return self.final.content

    @property
    def accepted(self):
        """The first progress that says OPERATION_ACCEPTED_PROGRESS, or None."""
        accepted = wire.types.OPERATION_ACCEPTED_PROGRESS
        return next((one for one in self.progress if one.code == accepted), None)


class Conversation:
    """The messages of one operation. Loop-confined: one caller at a time."""

    def __init__(self, bus, operation, collection):
        self.bus = bus
        self.operation = operation
        self.collection = collection
        self.id = wire.new_id()
        bus.open_inbox(self.id)

    def message(self, kind, body, pillar=None, **fields):
        """A message to a pillar, to the coordinator (""), or to the collection (None)."""
        if pillar is None:
            destination, to = f"collection:{self.collection}", ""
        elif pillar:
            destination, to = f"pillar:{pillar}", pillar
        else:
            destination, to = "coordinator", ""
        values = {"conversation_id": self.id, "operation": self.operation,
                  "collection_id": self.collection, "to": to, "reply_to": self.bus.session}
        values.update(fields)
        return Message(destination, self.bus.header(kind, **values), body)

    def identify(self, body, pillar=None, **fields):
        """The identify replies by pillar id, of the collection or of one pillar.

        A REFUSED or UNDELIVERED stands in for the reply, under the id "".
        """
        message = self.message(wire.types.IDENTIFY, body, pillar, **fields)
        frames = message.frames()
        replies, expected = {}, {pillar} if pillar else None
        begin = time.monotonic()
        deadline, resends = begin + IDENTIFY_SECONDS, _resends(begin)
        self.bus.send_frames(frames)
        resend_at = next(resends)
        while time.monotonic() < deadline and (expected is None or not expected <= set(replies)):
            answer = self.bus.receive(self.id, min(deadline, resend_at) - time.monotonic())
            if answer is None:
                if time.monotonic() < deadline:
                    self.bus.send_frames(frames)
                    resend_at = next(resends)
            elif answer.header.answers != message.header.message_id:
                continue
            elif answer.kind == wire.types.IDENTIFY_REPLY:
                replies[getattr(answer.header, "from")] = answer
            elif answer.kind == wire.types.ROUTED:
                routed = answer.body.routed
                away = routed.settling or routed.away
                expected = None if away else set(routed.sent_to)
                if routed.settling:
                    deadline = max(deadline, time.monotonic() + SETTLING_SECONDS)
            else:
                return {"": answer}
        return replies

    def ask(self, pillar, body, transfer=None, **fields):
        """Says the request until a final has come; `transfer(token)` is called for a token.

        Requires: `transfer` moves the bytes and returns what ask() is to keep of it.
        """
        return self.exchange(self.message(wire.types.REQUEST, body, pillar, **fields), transfer)

    def exchange(self, message, transfer=None):
        """As ask(), for a message that is made already, or is said again."""
        frames = message.frames()
        result, token = Exchange(message), b""
        self.bus.send_frames(frames)
        resends = _resends(time.monotonic())
        resend_at = next(resends)
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.bus.receive(self.id, min(resend_at, patience) - time.monotonic())
            now = time.monotonic()
            if answer is None:
                if now >= patience:
                    raise Unanswered(f"{message} was not answered in {PATIENCE_SECONDS} s")
                self.bus.send_frames(frames)
                resend_at = next(resends)
                continue
            if answer.header.answers != message.header.message_id:
                continue
            if answer.kind != wire.types.PROGRESS:
                result.final = answer  # or REFUSED, UNDELIVERED: nothing more comes for it
                return result
            result.progress.append(answer)
            if transfer and answer.secret and answer.secret != token:
                token = answer.secret
                try:
                    result.transfer = transfer(token.decode())
                except TransferEnded as ended:
                    result.ended = ended.response  # the final says what became of it
            now = time.monotonic()
            patience = now + PATIENCE_SECONDS
            resends = _resends(now, first=2)
            resend_at = next(resends)

    def say(self, message):
        """Sends without waiting."""
        self.bus.send(message)

    def next(self, seconds):
        """The next message of this conversation, or None."""
        return self.bus.receive(self.id, seconds)


def _resends(begin, first=0):
    """When to say it again: after 1, 2, 4, 8, 8 ... seconds, each with a fifth more or less."""
    at, step = begin, first
    while True:
        at += RESEND_SECONDS[min(step, 3)] * random.uniform(0.8, 1.2)
        yield at
        step += 1
