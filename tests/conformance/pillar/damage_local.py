#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kit's --damage for a pillar of ours: changes a byte in the newest file of an id.

    damage_local.py STORE COLLECTION FILE_ID
"""

import pathlib
import sys
import urllib.parse


def main(store, collection, file_id):
    # A stored file is called NAME~N: docs/operating.md, "A pillar's store".
    name = urllib.parse.quote(file_id, safe="")
    found = sorted(pathlib.Path(store, collection, "files").rglob(f"{name}~*"))
    if not found:
        sys.exit(f"damage_local: there is no {name} in {store}")
    with open(found[-1], "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 0x01]))


if __name__ == "__main__":
    main(*sys.argv[1:])
