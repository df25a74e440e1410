# SPDX-License-Identifier: Apache-2.0
"""A7, A11 and X3: the receiver determines the rate; what may wait is sent while there is room."""

import os
import subprocess
import time

from requirement_rig import PILLARS, RequirementTest
from wire_client.socket_counts import Samples, SocketCounts, data_port

MIB = 1 << 20
# Frame headers and control frames beside the payload that rates are about.
OVERHEAD = 1.01
OVERHEAD_BYTES = 16 * 1024


class RateRequirements(RequirementTest):
    """At the first pillar alone; each test takes its rates away again."""

    def setUp(self):
        self.addCleanup(self.rate, "none")
        self.folder = self.repository.directory
        self.port = data_port(self.repository, PILLARS[0])

    def rate(self, text):
        self.run_bitrepo("rate", "set", text, "--pillar", PILLARS[0])

    def file(self, name, size):
        path = self.folder / name
        path.write_bytes(os.urandom(size))
        return str(path)

    def put_command(self, file_id, path, *words):
        return ("put", "--pillar", PILLARS[0], "--id", file_id, *words, path)

    def held_to(self, rate, at_pillar, *words):
        """Runs a command; no window of time has more than the rate and a burst."""
        counts = SocketCounts(lambda local, remote: (local if at_pillar else remote) == self.port)
        self.addCleanup(counts.close)
        before = counts.received()
        samples = Samples(lambda: counts.received() - before)
        samples.start()
        self.run_bitrepo(*words)
        looks = samples.end()
        self.assertGreater(looks[-1][2], 7 * MIB)
        self.assertLessEqual(samples.most_beyond(rate * OVERHEAD),
                             rate / 10 * OVERHEAD + OVERHEAD_BYTES)

    def test_A11_the_remote_partner_determines_the_rate(self):
        path = self.file("a11", 8 * MIB)
        self.rate("4M")
        begun = time.monotonic()
        self.held_to(4 * MIB, True, *self.put_command("a11", path))
        self.assertGreater(time.monotonic() - begun, 1.8)

    def test_X3_the_receiver_decides_the_rate_of_each_verb(self):
        path = self.file("x3", 8 * MIB)
        other = self.file("x3-other", 8 * MIB)
        self.rate("8M")
        self.held_to(8 * MIB, True, *self.put_command("x3", path))
        digest = subprocess.run(["sha256sum", path], capture_output=True, check=True).stdout
        self.held_to(8 * MIB, True, "replace", "x3", other, "--pillar", PILLARS[0],
                     "--old-checksum", "sha256:" + digest.split()[0].decode())
        self.held_to(8 * MIB, False, "get", "x3", "--from", PILLARS[0], "--bwlimit", "8M",
                     "-o", path)

    def test_A7_what_may_wait_is_sent_while_there_is_room(self):
        path = self.file("a7", 64 * MIB)
        large = self.file("a7-large", 192 * MIB)
        self.rate("24M")
        times = []
        background = None
        for run in ("alone", "beside"):
            if run == "beside":
                environment = {**os.environ, "BITREPO_CONFIG": str(self.repository.settings)}
                background = subprocess.Popen(
                    [self.bitrepo, "--no-progress",
                     *self.put_command("a7-large", large, "--background")],
                    env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.5)
            begun = time.monotonic()
            self.run_bitrepo(*self.put_command(f"a7-{run}", path))
            times.append(time.monotonic() - begun)
        alone, beside = times
        self.assertIsNone(background.poll(), "it was there all the time")
        self.assertLess(beside, alone / 0.9, "others keep nine tenths of what they have alone")
        self.rate("off")
        self.assertEqual(0, background.wait(timeout=120))
