# SPDX-License-Identifier: Apache-2.0
"""A pillar with as many tiny files as are asked for, and its catalogue as a peer sees it."""

import pathlib
import shutil
import subprocess

from measuring import Peaks, run
from repository import Repository

SELECT = "SELECT lower(hex(sha256)) || '  ' || file_id FROM generation ORDER BY collection, file_id;"


class BigStore:
    """Grows; rows that need the same number of files share the filling."""

    def __init__(self, programs, work):
        self.work = work
        self.count = 0
        self.repository = Repository(programs, work, pillars=1)
        self.catalogue = work / "catalogue.sqlite"  # a copy: the pillar has its own locked
        self.sqlite_peaks = Peaks()

    def grow_to(self, count):
        """Requires: it has no more than that."""
        if count == self.count:
            return
        self.repository.fill(self.count, count - self.count)
        self.count = count
        # No pillar has it open, so all of it is in these two.
        for end in ("", "-wal"):
            source = self.repository.store() / f"catalogue.sqlite{end}"
            copy = pathlib.Path(f"{self.catalogue}{end}")
            copy.unlink(missing_ok=True)
            if source.exists():
                shutil.copyfile(source, copy)
        self.repository.up()

    def our_list(self):
        with open(self.work / "ours.txt", "wb") as out:
            return self.repository.run("checksums", "-q", "--format", "sha256sum", out=out)

    def their_list(self):
        with open(self.work / "theirs.txt", "wb") as out:
            return run(["sqlite3", str(self.catalogue), SELECT], peaks=self.sqlite_peaks, name="sqlite3", stdout=out)

    def compare(self):
        subprocess.run(["cmp", str(self.work / "ours.txt"), str(self.work / "theirs.txt")], check=True)

    def restart(self):
        """Seconds until it is ready again, and the MiB that the pillar then has in use."""
        self.repository.down()
        seconds = self.repository.up()
        status = pathlib.Path(f"/proc/{self.repository.pids()['pillar-1']}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return seconds, int(resident.split()[1]) / 1024

    def peaks(self):
        peaks = self.repository.peaks()
        peaks.merge(self.sqlite_peaks)
        return peaks

    def close(self):
        self.repository.close()
