# SPDX-License-Identifier: Apache-2.0
"""Bytes that TCP sockets of this machine have received, as the kernel counts them, over time."""

import socket
import struct
import threading
import time
import tomllib

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST_DUMP = 0x301
NLMSG_DONE = 3
INET_DIAG_INFO = 2
ALL_STATES = 0xFFFFFFFF
BYTES_RECEIVED = 128  # its place in struct tcp_info
SAMPLE_SECONDS = 0.01
MESSAGE_BYTES = 72  # of struct inet_diag_msg


class SocketCounts:
    """Counts what came to the sockets that `is_meant(local port, remote port)` says. Sockets that
    have gone keep what they had."""

    def __init__(self, is_meant):
        self._is_meant = is_meant
        self._by_socket = {}
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)

    def close(self):
        """No more questions."""
        self._netlink.close()

    def received(self):
        """All bytes until now."""
        body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP,
                           1 << (INET_DIAG_INFO - 1), 0, ALL_STATES) + bytes(48)
        self._netlink.send(struct.pack("=LHHLL", 16 + len(body), SOCK_DIAG_BY_FAMILY,
                                       REQUEST_DUMP, 1, 0) + body)
        while self._take(self._netlink.recv(1 << 20)):
            pass
        return sum(self._by_socket.values())

    def _take(self, answer):
        while answer:
            length, kind = struct.unpack_from("=LH", answer)
            if kind == NLMSG_DONE:
                return False
            self._take_socket(answer[16:length])
            answer = answer[(length + 3) & ~3:]
        return True

    def _take_socket(self, message):
        local, remote = struct.unpack_from(">HH", message, 4)
        if not self._is_meant(local, remote):
            return
        cookie = message[44:52]
        place = MESSAGE_BYTES
        while place + 4 <= len(message):
            length, kind = struct.unpack_from("=HH", message, place)
            if kind == INET_DIAG_INFO and length >= 4 + BYTES_RECEIVED + 8:
                count, = struct.unpack_from("=Q", message, place + 4 + BYTES_RECEIVED)
                self._by_socket[cookie] = max(count, self._by_socket.get(cookie, 0))
            place += (max(length, 4) + 3) & ~3


def data_port(repository, pillar):
    """Where the data channel of a pillar of a LocalRepository listens."""
    running = tomllib.loads((repository.directory / "run" / f"{pillar}.toml").read_text())
    return int(running["data"].rsplit(":", 1)[1])


class Samples(threading.Thread):
    """Looks at a count now and then; each look has a begin and an end."""

    def __init__(self, count):
        super().__init__(daemon=True)
        self._count = count
        self._over = threading.Event()
        self.looks = []

    def run(self):
        while not self._over.is_set():
            begin = time.monotonic()
            count = self._count()
            self.looks.append((begin, time.monotonic(), count))
            time.sleep(SAMPLE_SECONDS)

    def end(self):
        """No more looks; the looks."""
        self._over.set()
        self.join()
        return self.looks

    def most_beyond(self, rate, since=0.0, until=float("inf")):
        """The most of any window: its bytes less what the rate gives in its time."""
        most, best = 0.0, float("inf")
        for begin, end, count in self.looks:
            if since <= begin and end <= until:
                # `best` is the window's begin that makes it the worst: looked at late, counted low.
                most = max(most, count - rate * end - best) if best < float("inf") else most
                best = min(best, count - rate * begin)
        return most

    def most_in(self, seconds):
        """The most bytes of a window no longer than this."""
        most, first = 0, 0
        for _, end, count in self.looks:
            while end - self.looks[first][0] > seconds:
                first += 1
            most = max(most, count - self.looks[first][2])
        return most

    def at(self, when):
        """The count at the first look that began then or later."""
        return next((count for begin, _, count in self.looks if begin >= when), self.looks[-1][2])
