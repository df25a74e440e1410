# SPDX-License-Identifier: Apache-2.0
"""B24: special features can be left out, and nothing comes out otherwise."""

import hashlib
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

from requirement_rig import COLLECTION, COMMAND_SECONDS, PILLARS, RequirementTest
from wire_client import data_session
from wire_client import vocabulary as wire
from wire_client.bus_member import BusMember
from wire_client.conversation import Conversation
from wire_client.repository import LocalRepository
from wire_client.watch_recorder import WatchRecorder

MIB = 1 << 20
# Of each way of writing and reading: empty, small, past the page cache, from several pillars.
SIZES = {"empty": 0, "small": 1000, "large": 9 * MIB + 5, "several": 65 * MIB + 7}


class FeatureRequirements(unittest.TestCase):
    """Repositories of its own, one for each word of BITREPO_FEATURES."""

    def setUp(self):
        self.bitrepo = RequirementTest.bitrepo
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="bitrepo-")))
        self.files = {}
        for name, size in SIZES.items():
            data = random.Random(size).randbytes(size)
            (self.folder / name).write_bytes(data)
            self.files[name] = hashlib.sha256(data).hexdigest()

    def run_bitrepo(self, environment, *words):
        done = subprocess.run([self.bitrepo, "--no-progress", *words], capture_output=True,
                              env=environment, timeout=COMMAND_SECONDS, check=False)
        self.assertEqual(0, done.returncode, done.stderr.decode()[-500:])
        return done.stdout

    def stored(self, repository):
        """What lies in the stores: (pillar, file, digest of its bytes)."""
        found = []
        for pillar in PILLARS:
            for path in (repository.directory / pillar / COLLECTION / "files").rglob("*~*"):
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found.append((pillar, path.name.split("~")[0], digest))
        return sorted(found)

    def promised_credit(self, bus):
        """What a store may send unasked at the first pillar."""
        body = wire.envelope.Body(put_file_request=wire.operations.PutFileRequest(
            file_id="promise", size_bytes=0, digest=wire.sha256(b"")))

        def look(token):
            endpoint = data_session.read_token(token).endpoints[0]
            with data_session.DataSession(endpoint, bus.session) as session:
                session.store(token, b"")
                return session.welcome.initial_credit

        return Conversation(bus, wire.types.PUT_FILE, COLLECTION).ask(
            PILLARS[0], body, look).transfer

    def sources(self, record):
        """The pillars that a get was asked of."""
        return {copy.header.to for copy in record.copies if copy.kind == wire.types.REQUEST
                and copy.header.operation == wire.types.GET_FILE}

    def life_with(self, features):
        """What a repository with these features keeps, promises, and how it delivers."""
        chosen = {"BITREPO_FEATURES": features}
        with LocalRepository(self.bitrepo, "--pillars", str(len(PILLARS)),
                             environment=chosen) as repository:
            environment = {**os.environ, **chosen, "BITREPO_CONFIG": str(repository.settings)}
            for name in self.files:
                self.run_bitrepo(environment, "put", "--id", name, self.folder / name)
            with BusMember(repository.bus, repository.name, "tester") as bus:
                for name, digest in self.files.items():
                    got = self.folder / f"{name}.got"
                    with WatchRecorder(bus, PILLARS[0]) as record:
                        self.run_bitrepo(environment, "get", name, "-o", got)
                    self.assertEqual(digest, hashlib.sha256(got.read_bytes()).hexdigest())
                    got.unlink()
                stored = self.stored(repository)
                # The last of them is the one that is large enough.
                return stored, self.promised_credit(bus), len(self.sources(record))

    def test_B24_special_features_can_be_left_out(self):
        stored, credit, sources = self.life_with("none")
        self.assertEqual((0, 1), (credit, sources))
        self.assertEqual(sorted((pillar, name, digest) for pillar in PILLARS
                                for name, digest in self.files.items()), stored)
        all_stored, credit, sources = self.life_with("all")
        self.assertGreater(credit, 0)
        self.assertGreater(sources, 1)
        self.assertEqual(stored, all_stored)

    def test_B24_what_is_no_feature_is_refused(self):
        done = subprocess.run([self.bitrepo, "version"], capture_output=True, check=False,
                              env={**os.environ, "BITREPO_FEATURES": "magic"})
        self.assertEqual(2, done.returncode)
        self.assertIn(b"several-sources", done.stderr)
