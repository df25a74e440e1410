# SPDX-License-Identifier: Apache-2.0
"""RF: ReplaceFile, other bytes under an id that is taken."""

import hashlib

from case_list import CHECKSUM, KEEPS_BYTES, case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, ops, types
from wire_client import vocabulary as wire

NEW = b"the bytes that replace the others"


def identify(file_id, old):
    return ops.ReplaceFileIdentify(file_id=file_id, size_bytes=len(NEW), digest=wire.sha256(NEW),
                                   old_digest=old)


@case("RF-01", "identify: positive", KEEPS_BYTES)
def identify_good(pillar):
    file = pillar.new_file()
    reply = pillar.identify(identify(file.id, file.digest))
    check_positive(pillar, reply)
    check(not reply.content.already_held, "already_held is set")


@case("RF-02", "identify at a checksum pillar", (CHECKSUM,),
      "its kind is told in place of a PillarChecksumSpec")
def identify_checksum(pillar):
    identify_good(pillar)


@case("RF-03", "identify of a file that is not there")
def identify_missing(pillar):
    check_code(pillar.identify(identify(pillar.new_id(), wire.sha256(b"old"))),
               types.FILE_NOT_FOUND_FAILURE)


@case("RF-04", "a file is replaced")
def replace(pillar):
    file = pillar.new_file()
    done = pillar.replace(file, NEW)
    check_exchange(pillar, done, COMPLETED)
    check(done.accepted, "no progress says OPERATION_ACCEPTED_PROGRESS")
    check_equal(wire.sha256(NEW), done.content.file.digest, "the new digest")
    check_equal(file.info, done.content.replaced, "what was replaced")
    check(not done.content.digests and not done.content.old_digests, "digests nobody asked for")
    check_equal(done.content.file, pillar.stands(file.id), "the file in a list")
    if pillar.kind in KEEPS_BYTES:
        check_equal(NEW, pillar.get(file.id).transfer, "the bytes")


@case("RF-05", "a replace that does not name what it replaces")
def replace_without_digest(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.replace(file, NEW, old_digest=None),
                   types.EXISTING_FILE_CHECKSUM_FAILURE)
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("RF-06", "a replace that names something else")
def replace_with_wrong_digest(pillar):
    file = pillar.new_file()
    refused = pillar.replace(file, NEW, old_digest=wire.sha256(b"something else"))
    check_exchange(pillar, refused, types.EXISTING_FILE_CHECKSUM_FAILURE)
    check(file.digest.value not in refused.final.body.SerializeToString(),
          "the true digest is told to who did not know it")
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("RF-07", "a replace of a file that is not there")
def replace_missing(pillar):
    request = ops.ReplaceFileRequest(file_id=pillar.new_id(), size_bytes=len(NEW),
                                     digest=wire.sha256(NEW), old_digest=wire.sha256(b"old"))
    check_exchange(pillar, pillar.ask(request, pillar.storing(NEW)), types.FILE_NOT_FOUND_FAILURE)
    check_equal(None, pillar.stands(request.file_id), "what is kept")


@case("RF-08", "what is there already with the new digest")
def replace_held(pillar):
    file = pillar.new_file(NEW)
    done = pillar.replace(file, NEW, old_digest=wire.sha256(b"older"))
    check_exchange(pillar, done, COMPLETED)
    check(done.content.already_held, "already_held is not set")


@case("RF-09", "a replace that asks for digests of both", KEEPS_BYTES)
def replace_with_digests(pillar):
    file = pillar.new_file()
    spec = types.ChecksumSpec(algorithms=[types.MD5])
    done = pillar.replace(file, NEW, checksums=spec, old_checksums=spec)
    check_exchange(pillar, done, COMPLETED)
    check_equal([hashlib.md5(NEW).digest()], [one.value for one in done.content.digests],
                "digests")
    check_equal([hashlib.md5(file.data).digest()],
                [one.value for one in done.content.old_digests], "old_digests")


@case("RF-10", "new bytes that do not have the digest named", KEEPS_BYTES)
def replace_wrong_bytes(pillar):
    file = pillar.new_file()
    refused = pillar.replace(file, NEW, digest=wire.sha256(b"other"))
    check_exchange(pillar, refused, types.NEW_FILE_CHECKSUM_FAILURE)
    check_equal(file.info, pillar.stands(file.id), "the file")
    check_equal(file.data, pillar.get(file.id).transfer, "the bytes")
