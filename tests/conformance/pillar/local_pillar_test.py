#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The acceptance kit against a pillar of ours, in a `bitrepo local` repository made for it.

    local_pillar_test.py BITREPO KIND [FLAG OF THE KIT...]
"""

import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))

from wire_client.repository import LocalRepository  # pylint: disable=wrong-import-position

# By kind: the name of the pillar, what makes it one of the repository, and where its bytes lie.
KINDS = {
    "full": ("pillar-1", (), "pillar-1"),
    "checksum": ("checksum1", ("--checksum", "1"), None),
    "nearline": ("nearline1", ("--nearline", "1", "--time-scale", "0"), "nearline1-media"),
}


def main(bitrepo, kind, *flags):
    pillar, its_flags, bytes_lie = KINDS[kind]
    with LocalRepository(bitrepo, "--pillars", "1", "--collection", "first", "--collection",
                         "second", *its_flags) as repository:
        damage = []
        if bytes_lie:
            where = repository.directory / bytes_lie
            damage = ["--damage", shlex.join([str(HERE / "damage_local.py"), str(where)])]
        return subprocess.run(
            [sys.executable, HERE / "acceptance_kit.py", "--bus", repository.bus,
             "--repository", repository.name, "--pillar", pillar, "--kind", kind, "--collection", "first", "--second-collection", "second",
             *damage, *flags], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
