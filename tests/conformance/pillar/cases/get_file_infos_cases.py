# SPDX-License-Identifier: Apache-2.0
"""GI: GetFileInfos, all that is on record in one pass."""

import hashlib
import hmac

from case_list import CHECKSUM, KEEPS_BYTES, case, check, check_equal
from cases.demands import check_exchange, check_positive
from cases.listing import check_window
from pillar_under_test import COMPLETED, ops, types


def identify(**files):
    return ops.GetFileInfosIdentify(files=types.FileSelection(**files))


def infos(pillar, files=None, algorithms=None, salt=b"", page=None, **fields):
    """The exchange of a GetFileInfos, of all of the kit's files when none are named."""
    spec = None if algorithms is None else types.ChecksumSpec(algorithms=algorithms, salt=salt)
    files = files or types.FileSelection(prefix=pillar.prefix)
    return pillar.ask(ops.GetFileInfosRequest(files=files, checksums=spec, **fields), page=page)


def one(file_id):
    return types.FileSelection(file_id=file_id)


@case("GI-01", "identify of one file: positive")
def identify_good(pillar):
    check_positive(pillar, pillar.identify(identify(file_id=pillar.new_file().id)))


@case("GI-02", "identify of a file that is not there",
      note="positive: it may lie in quarantine, which the request alone tells")
def identify_missing(pillar):
    check_positive(pillar, pillar.identify(identify(file_id=pillar.new_id())))


@case("GI-03", "identify of all files: positive whatever is kept")
def identify_all(pillar):
    check_positive(pillar, pillar.identify(identify(all=types.AllFiles())))


@case("GI-04", "the usual digest of all files", note="SHA256 in place of MD5, as CH-04")
def all_files(pillar):
    files = pillar.three_files()
    done = infos(pillar, algorithms=[])
    check_exchange(pillar, done, COMPLETED)
    got = {item.file.file_id: item for item in done.content.items}
    for file in files:
        check(file.id in got, f"{file.id} is left out")
        check_equal(file.info, got[file.id].file, "file")
        check_equal([file.digest], list(got[file.id].digests), "digests")


@case("GI-05", "SHA1 of one file", KEEPS_BYTES)
def sha1(pillar):
    file = pillar.new_file()
    done = infos(pillar, one(file.id), [types.SHA1])
    check_exchange(pillar, done, COMPLETED)
    check_equal([hashlib.sha1(file.data).digest()],
                [digest.value for digest in done.content.items[0].digests], "digests")


@case("GI-06", "HMAC-MD5 with a salt", KEEPS_BYTES)
def hmac_md5(pillar):
    file = pillar.new_file()
    done = infos(pillar, one(file.id), [types.HMAC_MD5], b"salt")
    check_exchange(pillar, done, COMPLETED)
    check_equal([hmac.digest(b"salt", file.data, "md5")],
                [digest.value for digest in done.content.items[0].digests], "digests")


@case("GI-07", "HMAC-SHA1 with a salt", KEEPS_BYTES)
def hmac_sha1(pillar):
    file = pillar.new_file()
    done = infos(pillar, one(file.id), [types.HMAC_SHA1], b"salt")
    check_exchange(pillar, done, COMPLETED)
    check_equal([hmac.digest(b"salt", file.data, "sha1")],
                [digest.value for digest in done.content.items[0].digests], "digests")


@case("GI-08", "in the order of ids", note="not of the time of calculation")
def sorted_by_id(pillar):
    pillar.new_file(name="i2")
    pillar.new_file(name="i1")
    ids = [item.file.file_id for item in infos(pillar).content.items]
    check(len(ids) >= 2, "two files are not listed")
    check_equal(sorted(ids, key=str.encode), ids, "the order")


@case("GI-09", "one item of a list")
def one_item(pillar):
    files = pillar.three_files()
    done = infos(pillar, pillar.select(files), page=types.PageSpec(limit_items=1))
    check_exchange(pillar, done, COMPLETED)
    check_equal([files[0].info], [item.file for item in done.content.items], "files")
    check(done.content.page.next_cursor, "there is no next_cursor")


def calculated_window(pillar, from_end):
    files = {file.id for file in pillar.three_files()}
    times = {item.file.file_id: item.calculated_at_us
             for item in infos(pillar).content.items if item.file.file_id in files}
    check_equal(files, set(times), "the files in a list")

    def ask(window):
        done = infos(pillar, calculated=window)
        check_exchange(pillar, done, COMPLETED)
        return [item.file.file_id for item in done.content.items]

    check_window(times, from_end, ask)


@case("GI-10", "calculated from an instant on")
def calculated_from(pillar):
    calculated_window(pillar, False)


@case("GI-11", "calculated until an instant")
def calculated_until(pillar):
    calculated_window(pillar, True)


@case("GI-12", "an algorithm that is not known, or not here")
def unsupported(pillar):
    file = pillar.new_file()
    check_exchange(pillar, infos(pillar, one(file.id), [99]), types.REQUEST_NOT_SUPPORTED)
    if pillar.kind == CHECKSUM:
        check_exchange(pillar, infos(pillar, one(file.id), [types.MD5]),
                       types.REQUEST_NOT_SUPPORTED)


@case("GI-13", "stored too early, or too late: an empty list")
def stored_window(pillar):
    times = {file.id: file.info.stored_at_us for file in pillar.three_files()}
    for window in (types.TimeWindow(until_us=min(times.values()) - 3_600_000_000),
                   types.TimeWindow(from_us=max(times.values()) + 3_600_000_000)):
        done = infos(pillar, stored=window)
        check_exchange(pillar, done, COMPLETED)
        check_equal([], list(done.content.items), "items")


@case("GI-14", "a file that is not there")
def missing(pillar):
    check_exchange(pillar, infos(pillar, one(pillar.new_id())), types.FILE_NOT_FOUND_FAILURE)


@case("GI-15", "no digests where none are asked for",
      note="GI-16 of the reference leaves the size out on demand; here it always comes")
def without_digests(pillar):
    file = pillar.new_file()
    done = infos(pillar, one(file.id))
    check_exchange(pillar, done, COMPLETED)
    item = done.content.items[0]
    check_equal([], list(item.digests), "digests")
    check_equal(file.info, item.file, "file")
    check(item.calculated_at_us > 0, "calculated_at_us is not set")


@case("GI-17", "what lies in quarantine, the oldest first")
def removed(pillar):
    file = pillar.new_file(b"first")
    check_exchange(pillar, pillar.replace(file, b"second"), COMPLETED)
    second = pillar.stands(file.id)
    gone = pillar.ask(ops.DeleteFileRequest(file_id=file.id, digest=second.digest,
                                            delete_everywhere=file.id))
    check_exchange(pillar, gone, COMPLETED)
    done = infos(pillar, types.FileSelection(prefix=file.id), removed=True)
    check_exchange(pillar, done, COMPLETED)
    check_equal([file.digest, second.digest], [item.file.digest for item in done.content.items],
                "digests")
    check(all(item.removed_at_us > 0 for item in done.content.items), "removed_at_us is not set")
