#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a client or a pillar at random moments of a transfer and runs the same command again until
it ends well: the result must be identical, and each kill may cost one window of bytes, no more.

How the bytes are counted: the pillar's data port is told to clients as that of a relay here, which
passes bytes on and asks the kernel, as each connection ends, how many of them the receiver's side
has acknowledged (TCP_INFO, what `ss -i` shows as bytes_acked, and at the other end as
bytes_received). That holds also where the receiver was killed and its own socket is gone.

    kill_runs.py --bin build/release/bin --size 1024 --kills 50 --operation put --end client
"""

import argparse
import fcntl
import hashlib
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tomllib

MIB = 1 << 20
WINDOW = 16 * MIB
# Beyond the bytes of the file: headers of segments and control frames.
OVERHEAD_SHARE = 0.005
OVERHEAD_PER_RUN = 256 * 1024
UP_SECONDS = 30
RUN_SECONDS = 300
UNEXPLAINED_MAX = 3  # ends that no kill explains: a pillar that is just starting, say
TCP_INFO_BYTES = 192
BYTES_ACKED_AT = 120  # tcpi_bytes_acked of linux/tcp.h
TCP_CLOSE = 7  # tcpi_state, its first byte
DRAIN_SECONDS = 5


def bytes_acked(sock):
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    return struct.unpack_from("<Q", info, BYTES_ACKED_AT)[0]


def wait_until_drained(sock):
    """What was sent before the shutdown still goes to a receiver that lives, and counts."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        unacked = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]
        if state == TCP_CLOSE or unacked == 0:
            return
        time.sleep(0.002)


class Relay:
    """Passes connections on to the pillar. `to_pillar`: count what the pillar receives, else what
    the client does."""

    def __init__(self, to_pillar):
        self._to_pillar = to_pillar
        self.target = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._ended_bytes = 0
        self._live = set()  # the receivers' sockets
        self.passed = 0  # for the moment of the next kill
        threading.Thread(target=self._accept, daemon=True).start()

    def received(self):
        """Acknowledged by receivers, over all connections."""
        with self._lock:
            return self._ended_bytes + sum(bytes_acked(sock) for sock in self._live)

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            try:
                pillar = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                pillar.settimeout(None)
            except OSError:
                client.close()
                continue
            for sock in (client, pillar):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            receiver = pillar if self._to_pillar else client
            with self._lock:
                self._live.add(receiver)
            pumps = [threading.Thread(target=self._pump, args=(*ends, ends[1] is receiver),
                                      daemon=True)
                     for ends in ((client, pillar), (pillar, client))]
            for pump in pumps:
                pump.start()
            threading.Thread(target=self._finish, args=(pumps, client, pillar, receiver),
                             daemon=True).start()

    def _pump(self, source, sink, counted):
        block = bytearray(MIB)
        view = memoryview(block)
        try:
            while got := source.recv_into(block):
                sink.sendall(view[:got])
                if counted:
                    self.passed += got
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _finish(self, pumps, client, pillar, receiver):
        for pump in pumps:
            pump.join()
        wait_until_drained(receiver)
        with self._lock:
            self._live.discard(receiver)
            self._ended_bytes += bytes_acked(receiver)
        client.close()
        pillar.close()


class Repository:
    """A coordinator and one pillar on loopback, in a directory of their own."""

    def __init__(self, programs, directory, relay):
        self._programs = programs
        self._directory = directory
        self._relay = relay
        for name in ("store", "run"):
            (directory / name).mkdir()
        self._write("coordinator.toml", f"""repository = "kills"
[coordinator]
id = "coordinator"
listen = "tcp://127.0.0.1:0"
watch_listen = "tcp://127.0.0.1:0"
runtime_file = "{directory}/run/coordinator.toml"
[collections.default]
pillars = ["p1"]
[times]
settle = "1s"
""")
        self.coordinator = self._start("coordinator")
        bus = self._runtime("coordinator", "bus")
        self._write("pillar.toml", f"""repository = "kills"
[pillar]
id = "p1"
coordinator = "{bus}"
data_listen = "tcp://127.0.0.1:0"
data_public = ["tcp://127.0.0.1:{relay.port}"]
runtime_file = "{directory}/run/pillar.toml"
[store]
directory = "{directory}/store"
keep_free = "64MiB"
[collections.default]
min_copies = 1
""")
        self.settings = self._write("bitrepo.toml", f"""coordinator = "{bus}"
repository = "kills"
collection = "default"
name = "killer"
""")
        self.pillar = None
        self.start_pillar()

    def start_pillar(self):
        runtime = self._directory / "run" / "pillar.toml"
        runtime.unlink(missing_ok=True)
        self.pillar = self._start("pillar")
        data = self._runtime("pillar", "data")
        self._relay.target = int(data.rsplit(":", 1)[1])

    def kill_pillar(self):
        self.pillar.kill()
        self.pillar.wait()
        self.start_pillar()

    def close(self):
        for daemon in (self.pillar, self.coordinator):
            if daemon is not None and daemon.poll() is None:
                daemon.kill()
                daemon.wait()

    def logs(self):
        return "".join(f"---- {log.name}\n{log.read_text()[-3000:]}"
                       for log in sorted(self._directory.glob("*.log")))

    def _write(self, name, text):
        path = self._directory / name
        path.write_text(text)
        return path

    def _start(self, kind):
        log = open(self._directory / f"{kind}.log", "ab")  # pylint: disable=consider-using-with
        return subprocess.Popen([self._programs / f"bitrepo-{kind}", "--config",
                                 self._directory / f"{kind}.toml"], stdout=log, stderr=log)

    def _runtime(self, kind, key):
        path = self._directory / "run" / f"{kind}.toml"
        deadline = time.monotonic() + UP_SECONDS
        while time.monotonic() < deadline:
            if path.exists():
                return tomllib.loads(path.read_text())[key]
            time.sleep(0.01)
        raise RuntimeError(f"{kind} did not come up\n{self.logs()}")


def file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_source(path, size, seed):
    generator = random.Random(seed)
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(generator.randbytes(MIB))


class Run:
    """One command, run again until it ends well, with its kills."""

    def __init__(self, arguments, repository, relay, seed):
        self._arguments = arguments
        self._repository = repository
        self._relay = relay
        self._random = random.Random(seed)
        self.kills = 0
        self.runs = 0
        self._next_at = self._draw()

    def _draw(self):
        """How much must have passed before the next kill: on the whole they fall into the transfer."""
        mean = self._arguments.size * MIB * 0.8 / (self._arguments.kills + 1)
        return self._relay.passed + self._random.uniform(0, 2 * mean)

    def carry(self, command):
        unexplained = 0
        while True:
            self.runs += 1
            kills_before = self.kills
            code = self._once(command)
            if code == 0:
                return
            unexplained += self.kills == kills_before
            if unexplained > UNEXPLAINED_MAX:
                raise RuntimeError(f"run {self.runs} ended with {code} and nobody was killed\n"
                                   + self._repository.logs())

    def _once(self, command):
        environment = {**os.environ, "BITREPO_CONFIG": str(self._repository.settings)}
        client = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        deadline = time.monotonic() + RUN_SECONDS
        while client.poll() is None:
            if time.monotonic() > deadline:
                client.kill()
                client.wait()
                raise RuntimeError("the command hangs\n" + self._repository.logs())
            if self.kills < self._arguments.kills and self._relay.passed >= self._next_at:
                self.kills += 1
                if self._arguments.end == "client":
                    client.send_signal(signal.SIGKILL)
                    client.wait()
                else:
                    self._repository.kill_pillar()
                self._next_at = self._draw()
            time.sleep(0.0005)
        text = client.stderr.read().decode(errors="replace")
        if client.returncode not in (0, -signal.SIGKILL) and self._arguments.verbose:
            print(f"run {self.runs}: exit {client.returncode}: {text[-500:]}")
        return client.returncode


def stored_file(directory):
    files = [path for path in (directory / "store/default/files").rglob("*") if path.is_file()]
    if len(files) != 1:
        raise RuntimeError(f"the pillar keeps {files}")
    return files[0]


def carry_out(arguments, directory):
    relay = Relay(to_pillar=arguments.operation == "put")
    repository = Repository(arguments.bin, directory, relay)
    try:
        source = directory / "source"
        make_source(source, arguments.size * MIB, arguments.seed)
        wanted = file_digest(source)
        bitrepo = [arguments.bin / "bitrepo", "--no-progress"]
        put = [*bitrepo, "put", "--id", "f", source]
        if arguments.operation == "get":
            settings = {**os.environ, "BITREPO_CONFIG": str(repository.settings)}
            subprocess.run(put, env=settings, check=True, timeout=RUN_SECONDS,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.2)  # that connection ends
        before = relay.received()
        run = Run(arguments, repository, relay, arguments.seed)
        result = directory / "result"
        begun = time.monotonic()
        run.carry(put if arguments.operation == "put"
                  else [*bitrepo, "get", "f", "-o", result])
        seconds = time.monotonic() - begun
        received = relay.received() - before
        if arguments.operation == "put":
            result = stored_file(directory)
        size = arguments.size * MIB
        limit = (size * (1 + OVERHEAD_SHARE) + run.kills * WINDOW
                 + (run.runs + run.kills) * OVERHEAD_PER_RUN)
        identical = file_digest(result) == wanted
        beyond = received - size
        print(f"{arguments.operation} of {arguments.size} MiB, {run.kills} kills of the "
              f"{arguments.end}, {run.runs} runs, {seconds:.1f} s: received {received} bytes, "
              f"{beyond} beyond the file ({beyond / WINDOW / max(1, run.kills):.2f} windows a kill), "
              f"limit {int(limit)}: {'identical' if identical else 'DIFFERENT'}")
        if not identical or received > limit or received < size:
            print(repository.logs())
            return 1
        if run.kills < arguments.kills * 0.6:
            print(f"only {run.kills} of {arguments.kills} kills fell into the transfer")
            return 1
        left = list((directory / "store/default/staging").iterdir())
        if left:
            print(f"left in staging: {left}")
            return 1
        return 0
    finally:
        repository.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="where the programs are")
    parser.add_argument("--size", type=int, default=64, help="of the file, in MiB")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--operation", choices=("put", "get"), default="put")
    parser.add_argument("--end", choices=("client", "pillar"), default="client",
                        help="which is killed; a pillar is started again at once")
    parser.add_argument("--seed", type=int, default=1, help="of the bytes and the moments")
    parser.add_argument("--dir", default=None, help="where to work; else in $TMPDIR")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell how each run ended")
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    with tempfile.TemporaryDirectory(prefix="bitrepo-kills-", dir=arguments.dir) as folder:
        return carry_out(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
