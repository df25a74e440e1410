#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kit's --damage for a pillar of ours: changes a byte in the newest file of an id.

    damage_local.py WHERE COLLECTION FILE_ID

WHERE is the store of a full pillar, or the media of a nearline one.
"""

import pathlib
import sys
import urllib.parse


def main(where, collection, file_id):
    # COLLECTION/files/XX/NAME~N in a store, vN/COLLECTION/XX/NAME~GENERATION on media:
    # docs/operating.md.
    name = urllib.parse.quote(file_id, safe="")
    found = sorted(path for place in (f"{collection}/files", f"v*/{collection}")
                   for path in pathlib.Path(where).glob(f"{place}/*/{name}~*"))
    if not found:
        sys.exit(f"damage_local: there is no {name} of {collection} in {where}")
    with open(found[-1], "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 0x01]))


if __name__ == "__main__":
    main(*sys.argv[1:])
