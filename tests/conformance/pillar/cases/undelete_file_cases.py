# SPDX-License-Identifier: Apache-2.0
"""UD: UndeleteFile, back from quarantine. The reference has no such operation."""

from case_list import KEEPS_BYTES, case, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, ops, types
from wire_client import vocabulary as wire

NEW = b"the bytes that replace the others"


def undelete(pillar, file, **fields):
    return pillar.ask(ops.UndeleteFileRequest(file_id=file.id, **fields),
                      collection=file.collection)


@case("UD-01", "identify of what was deleted: positive, with what would come back")
def undelete_identify(pillar):
    file = pillar.new_file()
    pillar.delete(file)
    reply = pillar.identify(ops.UndeleteFileIdentify(file_id=file.id))
    check_positive(pillar, reply)
    check_equal(file.info, reply.content.file, "file")


@case("UD-02", "an undelete of what was never deleted")
def undelete_nothing(pillar):
    missing = pillar.new_id()
    check_code(pillar.identify(ops.UndeleteFileIdentify(file_id=missing)),
               types.FILE_NOT_FOUND_FAILURE)
    check_exchange(pillar, pillar.ask(ops.UndeleteFileRequest(file_id=missing)),
                   types.FILE_NOT_FOUND_FAILURE)


@case("UD-03", "what was deleted comes back as it was")
def undelete_deleted(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.delete(file), COMPLETED)
    done = undelete(pillar, file)
    check_exchange(pillar, done, COMPLETED)
    check_equal((file.info.digest, file.info.generation_id),
                (done.content.file.digest, done.content.file.generation_id), "what came back")
    if pillar.kind in KEEPS_BYTES:
        check_equal(file.data, pillar.get(file.id).transfer, "the bytes")


@case("UD-04", "what was replaced comes back, and what stood there goes")
def undelete_replaced(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.replace(file, NEW), COMPLETED)
    done = undelete(pillar, file, generation_id=file.info.generation_id,
                    old_digest=wire.sha256(NEW))
    check_exchange(pillar, done, COMPLETED)
    check_equal(wire.sha256(NEW), done.content.replaced.digest, "what went")
    check_equal(file.digest, pillar.stands(file.id).digest, "what stands there")


@case("UD-05", "an undelete over a file that it does not name")
def undelete_over_another(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.replace(file, NEW), COMPLETED)
    check_exchange(pillar, undelete(pillar, file), types.DUPLICATE_FILE_FAILURE)
    refused = undelete(pillar, file, old_digest=wire.sha256(b"something else"))
    check_exchange(pillar, refused, types.EXISTING_FILE_CHECKSUM_FAILURE)
    check_equal(wire.sha256(NEW), pillar.stands(file.id).digest, "what stands there")
