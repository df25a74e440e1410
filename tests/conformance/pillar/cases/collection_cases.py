# SPDX-License-Identifier: Apache-2.0
"""MC: several collections at one pillar."""

from case_list import Skipped, case, check, check_code, check_equal
from pillar_under_test import COMPLETED
from wire_client import vocabulary as wire


@case("MC-01", "a file of the second collection is in no other")
def second_collection(pillar):
    if not pillar.second_collection:
        raise Skipped("no --second-collection is named")
    file = pillar.new_file(collection=pillar.second_collection)
    check_equal(file.info, pillar.stands(file.id, pillar.second_collection), "the file there")
    check_equal(None, pillar.stands(file.id), "the file in the first collection")


@case("MC-02", "one id in two collections, with other bytes in each")
def one_id_twice(pillar):
    if not pillar.second_collection:
        raise Skipped("no --second-collection is named")
    file = pillar.new_file()
    other = pillar.put(file.id, b"other bytes", pillar.second_collection)
    check_code(other, COMPLETED)
    check_equal(file.digest, pillar.stands(file.id).digest, "the first")
    check_equal(wire.sha256(b"other bytes"),
                pillar.stands(file.id, pillar.second_collection).digest, "the second")
    check_code(pillar.delete(file), COMPLETED)
    check(pillar.stands(file.id, pillar.second_collection), "the second went with the first")
