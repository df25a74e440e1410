# SPDX-License-Identifier: Apache-2.0
"""The other side: what a user would pick instead, each started here and ended by its process id."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from measuring import Peaks, peak_mib, retire_tree

NGINX = "/usr/sbin/nginx"  # not on the PATH of everyone

# Uploads go to a file beside the others and are renamed when they are whole: the fastest it can do.
NGINX_CONFIG = """
{user}
daemon off;
worker_processes auto;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_max_body_size 0;
    client_body_temp_path {dir}/temp;
    proxy_temp_path {dir}/unused;
    fastcgi_temp_path {dir}/unused;
    uwsgi_temp_path {dir}/unused;
    scgi_temp_path {dir}/unused;
    server {{
        listen 127.0.0.1:{port};
        root {dir}/data;
        location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
    }}
}}
"""

RSYNC_CONFIG = """
port = {port}
address = 127.0.0.1
use chroot = no
[data]
  path = {dir}/data
  read only = no
  uid = {uid}
  gid = {gid}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in path.read_text().split()]
    return found


class Daemon:
    """A server with its data and its configuration in a directory that goes with it."""

    name = ""

    def __init__(self, work):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir=work))
        (self.dir / "data").mkdir()
        self.port = free_port()
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.seen = Peaks()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise SystemExit(f"{self.name} does not listen")

    def command(self):
        raise NotImplementedError

    def peaks(self):
        for pid in [self.process.pid, *children(self.process.pid)]:
            self.seen.note(self.name, peak_mib(pid))
        return self.seen

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)
        retire_tree(self.dir)


class Nginx(Daemon):
    """The web server as a WebDAV store: takes files by PUT, gives them by GET, verifies nothing."""

    name = "nginx"

    def command(self):
        config = self.dir / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""  # else the directory is not its own
        config.write_text(NGINX_CONFIG.format(dir=self.dir, port=self.port, user=user))
        return [NGINX, "-p", str(self.dir), "-c", str(config), "-e", str(self.dir / "error.log")]

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/{name}"

    def put_command(self, source, name):
        return ["curl", "-sS", "-f", "-T", str(source), self.url(name)]

    def get_command(self, name, target):
        return ["curl", "-sS", "-f", "-o", str(target), self.url(name)]


class RsyncDaemon(Daemon):
    """Takes files into a directory."""

    name = "rsync"

    def command(self):
        config = self.dir / "rsyncd.conf"
        config.write_text(RSYNC_CONFIG.format(dir=self.dir, port=self.port, uid=os.getuid(), gid=os.getgid()))
        return ["rsync", "--daemon", "--no-detach", f"--config={config}"]

    def url(self):
        return f"rsync://127.0.0.1:{self.port}/data/"


class Talker:
    """A program of bench/ that talks to us in lines."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear(self):
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"{' '.join(self.process.args)}: said nothing, exit code {self.process.wait()}")
        return line

    def say(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def figures(self):
        """What it prints at its end: words and numbers."""
        words = self.hear().split()
        self.process.wait(timeout=10)
        return dict(zip(words[::2], map(float, words[1::2])))

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)


class RawBus:
    """A hub and a worker of bare ZeroMQ."""

    def __init__(self, programs):
        self.programs = programs
        self.hub = Talker(programs.raw_bus, "hub")
        self.endpoint = self.hub.hear()
        self.worker = Talker(programs.raw_bus, "worker", self.endpoint)
        self.worker.hear()

    def ask(self, count, window, size, trips):
        """COUNT times TRIPS round trips of SIZE bytes, WINDOW of them under way at once."""
        return Talker(self.programs.raw_bus, "ask", self.endpoint, str(count), str(window), str(size),
                      str(trips)).figures()

    def peaks(self):
        peaks = Peaks()
        peaks.note("raw hub", peak_mib(self.hub.process.pid))
        peaks.note("raw worker", peak_mib(self.worker.process.pid))
        return peaks

    def close(self):
        self.worker.close()
        self.hub.close()
