# SPDX-License-Identifier: Apache-2.0
"""DL: stored bytes that are no longer what was stored. --damage names who makes them so."""

import subprocess

from case_list import KEEPS_BYTES, Skipped, case, check, check_equal
from cases.demands import check_exchange
from pillar_under_test import COMPLETED, ops, types


def damaged_file(pillar):
    """A file of which a byte at the pillar was changed behind its back."""
    if not pillar.damage:
        raise Skipped("no --damage is named")
    file = pillar.new_file(bytes(range(256)) * 10)
    subprocess.run([*pillar.damage, file.collection, file.id], check=True, timeout=60)
    return file


@case("DL-01", "damaged bytes are not sent, and not said to be missing [S-5]", KEEPS_BYTES)
def get_damaged(pillar):
    got = pillar.get(damaged_file(pillar).id)
    check_exchange(pillar, got, types.DATA_LOSS)
    check(not got.transfer, "bytes came")


@case("DL-02", "fresh digests of damaged bytes", KEEPS_BYTES)
def digests_of_damaged(pillar):
    file = damaged_file(pillar)
    done = pillar.ask(ops.GetChecksumsRequest(
        files=types.FileSelection(file_id=file.id), checksums=types.ChecksumSpec(fresh=True)))
    check_exchange(pillar, done, types.DATA_LOSS)


@case("DL-03", "what is damaged stays in the lists, with its trouble [S-8]", KEEPS_BYTES)
def list_damaged(pillar):
    file = damaged_file(pillar)
    pillar.get(file.id)  # so that it is found
    done = pillar.ids(pillar.select([file]))
    check_exchange(pillar, done, COMPLETED)
    item = done.content.items[0]
    check_equal((file.id, file.digest, types.DATA_LOSS),
                (item.file_id, item.digest, item.trouble.code), "the item")


@case("DL-04", "the same bytes put again make it whole", KEEPS_BYTES)
def put_over_damaged(pillar):
    file = damaged_file(pillar)
    pillar.get(file.id)
    check_exchange(pillar, pillar.put(file.id, file.data), COMPLETED)
    check_equal(file.data, pillar.get(file.id).transfer, "the bytes")
