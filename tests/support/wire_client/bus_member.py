# SPDX-License-Identifier: Apache-2.0
"""Membership of the bus (docs/spec/10): HELLO until WELCOME, heartbeats, envelopes out and in."""

import collections
import hashlib
import queue
import secrets
import threading
import time

import zmq
from google.protobuf.message import DecodeError

from wire_client import vocabulary as wire

JOIN_SECONDS = 10
HELLO_AGAIN_SECONDS = 1


class BusError(Exception):
    """The bus was not to be had: no coordinator, refused, or silent."""


class Message:
    """One envelope: destination, header, body, secret; the signature is not looked at."""

    def __init__(self, destination, header, body, secret=b""):
        self.destination = destination
        self.header = header
        self.body = body
        self.secret = secret

    @classmethod
    def parse(cls, frames):
        """What came; ValueError where it is no envelope."""
        if len(frames) != 5:
            raise ValueError(f"{len(frames)} frames")
        header = wire.envelope.Header.FromString(frames[1])
        body = wire.envelope.Body.FromString(frames[2])
        if (hashlib.sha256(frames[3]).digest() if frames[3] else b"") != body.secret_sha256:
            raise ValueError("the secret is not the one that the body names")
        return cls(frames[0].decode(), header, body, frames[3])

    def frames(self):
        """As it leaves. [B-1]"""
        if self.secret:
            self.body.secret_sha256 = hashlib.sha256(self.secret).digest()
        frames = [self.destination.encode(), self.header.SerializeToString(),
                  self.body.SerializeToString(), self.secret, b""]
        if sum(map(len, frames)) > wire.ENVELOPE_BYTES_MAX:
            raise ValueError("the message is longer than an envelope may be")
        return frames

    @property
    def kind(self):
        return self.header.kind

    @property
    def code(self):
        """The response code, 0 where the message has none."""
        return self.body.response.code

    @property
    def content(self):
        """The one content, or None."""
        name = self.body.WhichOneof("content")
        return getattr(self.body, name) if name else None

    def __str__(self):
        kind = self.kind
        if kind in wire.types.Kind.values():
            kind = wire.types.Kind.Name(kind)
        text = f"{kind} {self.body.WhichOneof('content') or 'without content'}"
        if self.body.HasField("response"):
            text += f" {wire.code_name(self.code)}: {self.body.response.text}"
        return text


class BusMember:
    """A client on the bus, with a thread of its own that holds the socket and beats.

    Threads: any one may call. Lifetime: `with`, or close(), which says BYE.
    """

    def __init__(self, endpoint, repository, principal):
        self.endpoint = endpoint
        self.repository = repository
        self.principal = principal
        self.session = f"{principal}-{secrets.token_hex(4)}"
        self.welcome = None
        self.strays = collections.Counter()  # what came for no conversation, by kind
        self._store_id = wire.new_id()
        self._inboxes = {}
        self._error = None
        self._joined = threading.Event()
        self._context = zmq.Context()
        self._inside = self._context.socket(zmq.PAIR)
        self._inside.bind("inproc://out")
        self._outside = self._context.socket(zmq.PAIR)
        self._outside.connect("inproc://out")
        self._outside_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)
        self._thread.start()
        self._joined.wait()
        if self._error:
            self.close()
            raise self._error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Says BYE and waits for the thread."""
        if self._thread.is_alive():
            with self._outside_lock:
                self._outside.send(b"")
            self._thread.join()
        for socket in (self._outside, self._inside):
            socket.close(linger=0)
        self._context.term()

    def header(self, kind, **fields):
        """A header of this member; `from_` stands for `from`, a word of Python."""
        header = wire.envelope.Header(
            repository_id=self.repository, version=wire.VERSION, min_version=wire.VERSION,
            message_id=wire.new_id(), kind=kind, issued_at_us=wire.now_us())
        setattr(header, "from", fields.pop("from_", self.principal))
        for name, value in fields.items():
            if name == "must_understand":
                header.must_understand.extend(value)
            else:
                setattr(header, name, value)
        return header

    def send(self, message):
        """Hands the frames to the thread; what becomes of them is told by answers alone."""
        self.send_frames(message.frames())

    def send_frames(self, frames):
        """Frames as they are: for messages that break a rule on purpose."""
        if self._error:
            raise self._error
        with self._outside_lock:
            self._outside.send_multipart(frames)

    def open_inbox(self, conversation_id):
        """From now on keeps what comes for this conversation."""
        self._inboxes[conversation_id] = queue.Queue()

    def receive(self, conversation_id, seconds):
        """The next message of a conversation; None after `seconds` without one."""
        try:
            message = self._inboxes[conversation_id].get(timeout=max(0, seconds))
        except queue.Empty:
            return None
        if message is None:
            raise self._error
        return message

    # ---- the thread

    def _run(self):
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 500)
        socket.setsockopt(zmq.RECONNECT_IVL, -1)  # a second connection would know of no HELLO [H-2]
        socket.connect(self.endpoint)
        try:
            self._join(socket)
            self._joined.set()
            self._serve(socket)
        except (BusError, zmq.ZMQError) as error:
            self._error = error if isinstance(error, BusError) else BusError(str(error))
            for inbox in list(self._inboxes.values()):
                inbox.put(None)
        finally:
            socket.close()
            self._joined.set()

    def _join(self, socket):
        hello = self.header(wire.types.HELLO, reply_to=self.session)
        body = wire.envelope.Body(hello=wire.hub.Hello(
            component_id=self.principal, session_id=self.session, kind=wire.hub.CLIENT,
            program_version="wire_client", store_id=self._store_id))
        frames = Message("coordinator", hello, body).frames()
        deadline = time.monotonic() + JOIN_SECONDS
        while time.monotonic() < deadline:
            socket.send_multipart(frames)  # byte for byte each time
            if not socket.poll(HELLO_AGAIN_SECONDS * 1000):
                continue
            message = Message.parse(socket.recv_multipart())
            if message.header.answers != hello.message_id:
                continue
            if message.kind != wire.types.WELCOME:
                raise BusError(f"HELLO was answered: {message}")
            self.welcome = message.body.welcome
            return
        raise BusError(f"no coordinator says WELCOME at {self.endpoint}")

    def _serve(self, socket):
        beat_seconds = self.welcome.heartbeat_ms / 1000
        gone_seconds = self.welcome.gone_after_ms / 1000
        heard = time.monotonic()
        beat_at = heard
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(self._inside, zmq.POLLIN)
        while True:
            now = time.monotonic()
            if now >= beat_at:
                self._say(socket, wire.types.HEARTBEAT,
                          wire.envelope.Body(heartbeat=wire.hub.Heartbeat()))
                beat_at = now + beat_seconds
            if now - heard > gone_seconds:
                raise BusError(f"the coordinator is silent for {gone_seconds} s")
            ready = dict(poller.poll((beat_at - now) * 1000))
            if socket in ready:
                heard = time.monotonic()
                self._deliver(socket.recv_multipart())
            if self._inside in ready:
                frames = self._inside.recv_multipart()
                if frames == [b""]:
                    self._say(socket, wire.types.BYE, wire.envelope.Body(bye=wire.hub.Bye()))
                    return
                socket.send_multipart(frames)

    def _say(self, socket, kind, body):
        socket.send_multipart(
            Message("coordinator", self.header(kind, reply_to=self.session), body).frames())

    def _deliver(self, frames):
        try:
            message = Message.parse(frames)
        except (ValueError, DecodeError) as error:
            self.strays[f"not understood: {error}"] += 1
            return
        if message.kind == wire.types.HEARTBEAT:
            return
        inbox = self._inboxes.get(message.header.conversation_id)
        if inbox is None:
            self.strays[wire.types.Kind.Name(message.kind)] += 1
        else:
            inbox.put(message)
