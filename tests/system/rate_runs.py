#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rates on real daemons, measured by the kernel's count of what the receiver's sockets got.

    rate_runs.py BITREPO [--seconds N] [unittest argument...]

`--seconds` is for how long a transfer is paused; the figures are printed as they are measured.
"""

import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

# pylint: disable=wrong-import-position
from wire_client.repository import LocalRepository
from wire_client.socket_counts import Samples, SocketCounts, data_port

MIB = 1 << 20
# Frame headers and control frames beside the payload that rates are about.
OVERHEAD = 1.01
OVERHEAD_BYTES = 16 * 1024


class RateRuns(unittest.TestCase):
    """One pillar; each run has a file of its own."""

    bitrepo = "bitrepo"
    pause_seconds = 3

    @classmethod
    def setUpClass(cls):
        cls.repository = cls.enterClassContext(LocalRepository(cls.bitrepo, "--pillars", "1"))
        cls.port = data_port(cls.repository, "pillar-1")
        cls.file = cls.repository.directory / "bytes"
        cls.file.write_bytes(os.urandom(40 * MIB))

    def setUp(self):
        self.bitrepo_run("rate", "set", "none")

    def command(self, *words):
        """Begins a command."""
        environment = {**os.environ, "BITREPO_CONFIG": str(self.repository.settings)}
        return subprocess.Popen([self.bitrepo, "--no-progress", *words], env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ends_well(self, process):
        """Waits for its end."""
        _, err = process.communicate(timeout=300)
        self.assertEqual(0, process.returncode, err.decode()[-800:])

    def bitrepo_run(self, *words):
        """A whole command."""
        self.ends_well(self.command(*words))

    def sampled(self, at_pillar):
        """Begun samples of what comes to the pillar, or from it."""
        counts = SocketCounts(lambda local, remote: (local if at_pillar else remote) == self.port)
        self.addCleanup(counts.close)
        before = counts.received()
        samples = Samples(lambda: counts.received() - before)
        samples.start()
        return samples

    def held_to(self, samples, rate, name, since=0.0):
        """In any window no more than the rate and a burst came."""
        beyond = samples.most_beyond(rate * OVERHEAD, since)
        burst = rate // 10
        print(f"{name}: {rate / MIB:.0f} MiB/s; most in 100 ms {samples.most_in(0.1) / MIB:.3f} "
              f"MiB; worst window {beyond / MIB:.3f} MiB beyond the rate, burst {burst / MIB:.3f}")
        self.assertLessEqual(beyond, burst * OVERHEAD + OVERHEAD_BYTES)

    def test_a_put_comes_at_the_rate_of_the_pillar(self):
        self.bitrepo_run("rate", "set", "10M")
        samples = self.sampled(True)
        begun = time.monotonic()
        self.bitrepo_run("put", "--id", "put", str(self.file))
        took = time.monotonic() - begun
        samples.end()
        print(f"40 MiB in {took:.2f} s")
        self.held_to(samples, 10 * MIB, "put")
        self.assertLess(took, 6)

    def test_a_get_comes_at_the_rate_of_the_client(self):
        self.bitrepo_run("put", "--id", "get", str(self.file))
        samples = self.sampled(False)
        begun = time.monotonic()
        self.bitrepo_run("get", "get", "--bwlimit", "10M", "-o", str(self.file) + ".got")
        took = time.monotonic() - begun
        samples.end()
        print(f"40 MiB in {took:.2f} s")
        self.held_to(samples, 10 * MIB, "get --bwlimit")
        self.assertLess(took, 6)
        self.assertEqual(self.file.read_bytes(),
                         pathlib.Path(str(self.file) + ".got").read_bytes())

    def test_a_put_goes_at_the_pace_of_its_sender(self):
        samples = self.sampled(True)
        self.bitrepo_run("put", "--id", "paced", "--bwlimit", "20M", str(self.file))
        samples.end()
        self.held_to(samples, 20 * MIB, "put --bwlimit")

    def test_a_change_holds_within_a_second(self):
        self.bitrepo_run("rate", "set", "10M")
        samples = self.sampled(True)
        put = self.command("put", "--id", "changed", str(self.file))
        time.sleep(1.5)
        asked = time.monotonic()
        self.bitrepo_run("rate", "set", "2M")
        time.sleep(3)
        samples.end()
        self.bitrepo_run("rate", "set", "off")
        self.ends_well(put)
        rate = (samples.at(asked + 3) - samples.at(asked + 1)) / 2
        print(f"from the second after the change on: {rate / MIB:.2f} MiB/s")
        self.assertLess(rate, 2 * MIB * OVERHEAD + 0.1 * MIB)
        self.held_to(samples, 2 * MIB, "changed", asked + 1)

    def test_a_pause_fails_nothing(self):
        self.bitrepo_run("rate", "set", "20M")
        samples = self.sampled(True)
        put = self.command("put", "--id", "paused", str(self.file))
        time.sleep(0.7)
        self.bitrepo_run("rate", "set", "0")
        time.sleep(0.3)
        paused = samples.looks[-1][2]
        time.sleep(self.pause_seconds)
        self.assertEqual(None, put.poll())
        moved = samples.looks[-1][2] - paused
        print(f"in {self.pause_seconds} s of pause {moved} bytes came")
        self.assertLess(moved, OVERHEAD_BYTES)
        self.bitrepo_run("rate", "set", "off")
        self.ends_well(put)
        samples.end()


if __name__ == "__main__":
    RateRuns.bitrepo = sys.argv.pop(1)
    if len(sys.argv) > 2 and sys.argv[1] == "--seconds":
        RateRuns.pause_seconds = int(sys.argv[2])
        del sys.argv[1:3]
    unittest.main(verbosity=2)
