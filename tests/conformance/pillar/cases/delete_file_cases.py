# SPDX-License-Identifier: Apache-2.0
"""DF: DeleteFile. The kit asks one pillar alone and keeps no copy: it names delete_everywhere."""

import hashlib
import hmac

from case_list import CHECKSUM, KEEPS_BYTES, case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, ops, types
from wire_client import vocabulary as wire


@case("DF-01", "identify: positive, with what is here", KEEPS_BYTES)
def identify_good(pillar):
    file = pillar.new_file()
    reply = pillar.identify(ops.DeleteFileIdentify(file_id=file.id))
    check_positive(pillar, reply)
    check_equal(file.info, reply.content.file, "file")


@case("DF-02", "identify at a checksum pillar", (CHECKSUM,),
      "its kind is told in place of a PillarChecksumSpec")
def identify_checksum(pillar):
    identify_good(pillar)


@case("DF-03", "identify of a file that is not there")
def identify_missing(pillar):
    check_code(pillar.identify(ops.DeleteFileIdentify(file_id=pillar.new_id())),
               types.FILE_NOT_FOUND_FAILURE)


@case("DF-04", "a file is deleted",
      note="no progress is owed for what is done at once")
def delete(pillar):
    file = pillar.new_file()
    done = pillar.delete(file)
    check_exchange(pillar, done, COMPLETED)
    check_equal(file.info, done.content.file, "file")
    check(not done.content.digests, "digests that nobody asked for")
    check_equal(None, pillar.stands(file.id), "what is kept")


@case("DF-05", "a delete that asks for a digest of another algorithm, with salt", KEEPS_BYTES)
def delete_with_digest(pillar):
    file = pillar.new_file()
    spec = types.ChecksumSpec(algorithms=[types.HMAC_SHA1], salt=b"\x01\x02")
    done = pillar.delete(file, checksums=spec)
    check_exchange(pillar, done, COMPLETED)
    check_equal([(types.HMAC_SHA1, hmac.digest(b"\x01\x02", file.data, "sha1"))],
                [(one.algorithm, one.value) for one in done.content.digests], "digests")


@case("DF-06", "a delete without a digest")
def delete_without_digest(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.delete(file, digest=None), types.EXISTING_FILE_CHECKSUM_FAILURE)
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("DF-07", "a delete with the digest of something else")
def delete_with_wrong_digest(pillar):
    file = pillar.new_file()
    refused = pillar.delete(file, digest=wire.sha256(b"something else"))
    check_exchange(pillar, refused, types.EXISTING_FILE_CHECKSUM_FAILURE)
    check(file.digest.value not in refused.final.body.SerializeToString(),
          "the true digest is told to who did not know it")
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("DF-08", "a delete of a file that is not there")
def delete_missing(pillar):
    missing = ops.DeleteFileRequest(file_id=pillar.new_id(), digest=wire.sha256(b"x"))
    missing.delete_everywhere = missing.file_id
    check_exchange(pillar, pillar.ask(missing), types.FILE_NOT_FOUND_FAILURE)


@case("DF-09", "what was deleted is deleted again", note="success, as a client of the reference "
      "counts it; its pillar says FILE_NOT_FOUND_FAILURE")
def delete_twice(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.delete(file), COMPLETED)
    again = pillar.delete(file)
    check_exchange(pillar, again, COMPLETED)
    check(again.content.already_gone, "already_gone is not set")


@case("DF-10", "a delete that proves no other copy and does not say everywhere")
def delete_last_copy(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.delete(file, delete_everywhere=""), types.DENIED)
    own = ops.CopyProof(pillar_id=pillar.id, digest=file.digest, calculated_at_us=wire.now_us())
    check_exchange(pillar, pillar.delete(file, delete_everywhere="", copies=[own]), types.DENIED)
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("DF-11", "a confirmation that names something else")
def delete_confirmed_wrongly(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.delete(file, delete_everywhere="yes"),
                   types.REQUEST_NOT_UNDERSTOOD_FAILURE)
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("DF-12", "a delete that names the file by another algorithm", KEEPS_BYTES)
def delete_by_md5(pillar):
    file = pillar.new_file()
    digest = types.Digest(algorithm=types.MD5, value=hashlib.md5(file.data).digest())
    check_exchange(pillar, pillar.delete(file, digest=digest), COMPLETED)
