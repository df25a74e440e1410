# SPDX-License-Identifier: Apache-2.0
"""Our side: a repository on this machine, of the programs that are measured."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time
import tomllib

from measuring import Peaks, peak_mib, retire_tree, run


class Repository:
    """A coordinator and pillars with all they keep in a directory that goes with it."""

    def __init__(self, programs, work, pillars):
        self.programs = programs
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="repository-", dir=work))
        self.pillars = pillars
        self.client_peaks = Peaks()
        self.up()

    def up(self):
        """Seconds until all of it is ready."""
        return self._local("up", "--pillars", str(self.pillars))

    def down(self):
        self._local("down")

    def _local(self, *action):
        begin = time.monotonic()
        subprocess.run([self.programs.bitrepo, "local", *action, "--dir", str(self.dir)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begin

    @property
    def env(self):
        return dict(os.environ, BITREPO_CONFIG=str(self.dir / ".bitrepo.toml"))

    def settings(self):
        """Where the coordinator is, and what repository and collection are called."""
        return tomllib.loads((self.dir / ".bitrepo.toml").read_text())

    def run(self, *arguments, out=subprocess.DEVNULL):
        """Seconds of one command."""
        return run([self.programs.bitrepo, *arguments], peaks=self.client_peaks, name="client",
                   env=self.env, stdout=out, stderr=subprocess.DEVNULL)

    def start(self, *arguments):
        """A command that runs beside others."""
        return subprocess.Popen([self.programs.bitrepo, *arguments], env=self.env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pids(self):
        return {path.stem: int(path.read_text().split()[0]) for path in self.dir.rglob("*.pid")}

    def peaks(self):
        """VmHWM of the client and of each daemon; of several pillars, of the largest."""
        peaks = Peaks(self.client_peaks)
        for name, pid in self.pids().items():
            peaks.note("pillar" if name.startswith("pillar") else name, peak_mib(pid))
        return peaks

    def store(self, pillar=1):
        return self.dir / f"pillar-{pillar}"

    def fill(self, first, count):
        """Tiny files number `first` and on in the only pillar, written while it is down."""
        self.down()
        run([self.programs.fill_store, str(self.store()), self.settings()["collection"], str(first), str(count)])

    def close(self):
        self.down()
        retire_tree(self.dir)


@contextlib.contextmanager
def repository(programs, work, pillars=1):
    """A fresh one, down and gone at the end; nothing of it waits to be written when it begins."""
    made = Repository(programs, work, pillars)
    try:
        os.sync()
        yield made
    finally:
        made.close()
        os.sync()


class Programs:
    """Where the programs of one build are."""

    def __init__(self, build):
        self.build = build
        self.bitrepo = str(build / "bin" / "bitrepo")
        self.coordinator = str(build / "bin" / "bitrepo-coordinator")
        self.fill_store = str(build / "bench" / "fill_store")
        self.raw_bus = str(build / "bench" / "raw_bus")
        self.small_gets = str(build / "bench" / "small_gets")
        self.bus_load = str(build / "bench" / "bus_load")
