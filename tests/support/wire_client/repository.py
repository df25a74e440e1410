# SPDX-License-Identifier: Apache-2.0
"""A repository of real daemons in a temporary directory, by `bitrepo local`."""

import os
import pathlib
import subprocess
import tempfile
import tomllib

UP_SECONDS = 60
DOWN_SECONDS = 30


class LocalRepository:
    """`bitrepo local up` and, at the end, `bitrepo local down`. Lifetime: `with`."""

    def __init__(self, bitrepo, *flags, environment=None):
        self._bitrepo = bitrepo
        self._environment = {**os.environ, **(environment or {})}
        self._folder = tempfile.TemporaryDirectory(prefix="bitrepo-")
        self.directory = pathlib.Path(self._folder.name) / "repository"
        self._run("up", *flags, seconds=UP_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            for log in sorted((self.directory / "log").glob("*.log")):
                print(f"---- {log.name}\n{log.read_text()[-4000:]}")
        self._run("down", seconds=DOWN_SECONDS)
        self._folder.cleanup()

    @property
    def settings(self):
        """The settings with which the program finds it."""
        return self.directory / ".bitrepo.toml"

    @property
    def bus(self):
        """Where the coordinator listens."""
        return self._read_settings()["coordinator"]

    @property
    def name(self):
        """What the repository is called."""
        return self._read_settings()["repository"]

    def _read_settings(self):
        return tomllib.loads(self.settings.read_text())

    def _run(self, action, *flags, seconds):
        subprocess.run([self._bitrepo, "local", action, "--dir", self.directory, *flags],
                       check=True, timeout=seconds, stdout=subprocess.DEVNULL,
                       env=self._environment)
