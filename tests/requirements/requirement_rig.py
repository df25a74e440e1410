# SPDX-License-Identifier: Apache-2.0
"""What the tests of requirements stand on: one repository of real daemons, and who asks it."""

import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from wire_client import data_session  # pylint: disable=wrong-import-position
from wire_client import vocabulary as wire
from wire_client.bus_member import BusMember
from wire_client.conversation import Conversation
from wire_client.repository import LocalRepository
from wire_client.watch_recorder import WatchRecorder

COLLECTION = "default"
PILLARS = ("pillar-1", "pillar-2", "pillar-3")
COMMAND_SECONDS = 60
Body = wire.envelope.Body
ops = wire.operations
types = wire.types


class RequirementTest(unittest.TestCase):
    """Tests that share a repository of three pillars; each has file ids of its own."""

    bitrepo = "bitrepo"
    flags = ("--pillars", str(len(PILLARS)))
    pillars = PILLARS
    repository = None
    bus = None

    @classmethod
    def setUpClass(cls):
        cls.repository = cls.enterClassContext(LocalRepository(cls.bitrepo, *cls.flags))
        cls.bus = cls.enterClassContext(
            BusMember(cls.repository.bus, cls.repository.name, "tester"))

    # ---- the program

    def run_bitrepo(self, *words, data=b"", exit_code=0, folder=None):
        """Runs a command on the repository; its standard output. `exit_code`: one, or several."""
        environment = {**os.environ, "BITREPO_CONFIG": str(self.repository.settings)}
        done = subprocess.run([self.bitrepo, "--no-progress", *words], input=data,
                              capture_output=True, cwd=folder, env=environment,
                              timeout=COMMAND_SECONDS, check=False)
        allowed = exit_code if isinstance(exit_code, tuple) else (exit_code,)
        self.assertIn(done.returncode, allowed, done.stderr.decode()[-500:])
        return done.stdout

    # ---- the wire

    def record(self):
        """Copies of what passes over the bus in a `with`."""
        return WatchRecorder(self.bus, self.pillars[0])

    def conversation(self, operation, bus=None):
        return Conversation(bus or self.bus, operation, COLLECTION)

    def moving(self, action):
        """For the transfer of Conversation.ask(): action(session, token)."""
        return data_session.transfer(self.bus.session, action)

    def put(self, file_id, data, pillars=None):
        """Puts by the wire; the exchanges by pillar, each COMPLETED."""
        put = self.conversation(types.PUT_FILE)
        body = Body(put_file_request=ops.PutFileRequest(
            file_id=file_id, size_bytes=len(data), digest=wire.sha256(data)))
        store = self.moving(lambda session, token: session.store(token, data))
        done = {pillar: put.ask(pillar, body, store) for pillar in pillars or self.pillars}
        for exchange in done.values():
            self.assertEqual(types.OPERATION_COMPLETED, exchange.code, exchange.final)
        return done

    def get(self, pillar, file_id, offset=0, length=None, transfer=None):
        """The exchange of a get; its `transfer` is the bytes."""
        wanted = types.FileRange(file_id=file_id, offset=offset, length=length)
        fetch = self.moving(lambda session, token: session.fetch(token))
        return self.conversation(types.GET_FILE).ask(
            pillar, Body(get_file_request=ops.GetFileRequest(range=wanted)), transfer or fetch)

    def checksums(self, pillar, request, page=None):
        body = Body(get_checksums_request=request, page=page)
        return self.conversation(types.GET_CHECKSUMS).ask(pillar, body)
