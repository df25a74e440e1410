# SPDX-License-Identifier: Apache-2.0
"""CH: GetChecksums, digests of what is kept. Lists come by id where the reference sorts by time."""

import hashlib
import hmac

from case_list import CHECKSUM, KEEPS_BYTES, case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from cases.listing import check_window, read_list
from pillar_under_test import COMPLETED, ops, types

ALGORITHMS = {types.MD5: "md5", types.SHA1: "sha1", types.SHA256: "sha256", types.SHA384: "sha384",
              types.SHA512: "sha512"}
HMACS = {types.HMAC_MD5: "md5", types.HMAC_SHA1: "sha1", types.HMAC_SHA256: "sha256",
         types.HMAC_SHA384: "sha384", types.HMAC_SHA512: "sha512"}
SALT = bytes(range(20))


def one(file_id):
    return types.FileSelection(file_id=file_id)


def identify(**files):
    return ops.GetChecksumsIdentify(files=types.FileSelection(**files))


def digests_of(pillar, files, algorithms=(), salt=b"", fresh=False, page=None, **fields):
    """The exchange of a GetChecksums."""
    spec = types.ChecksumSpec(algorithms=algorithms, salt=salt, fresh=fresh)
    return pillar.ask(ops.GetChecksumsRequest(files=files, checksums=spec, **fields), page=page)


def values(exchange):
    """The digests of each item, as bytes."""
    return [[digest.value for digest in item.digests] for item in exchange.content.items]


@case("CH-01", "identify of one file: positive")
def identify_good(pillar):
    check_positive(pillar, pillar.identify(identify(file_id=pillar.new_file().id)))


@case("CH-02", "identify of a file that is not there")
def identify_missing(pillar):
    check_code(pillar.identify(identify(file_id=pillar.new_id())), types.FILE_NOT_FOUND_FAILURE)


@case("CH-03", "identify of all files: positive whatever is kept")
def identify_all(pillar):
    check_positive(pillar, pillar.identify(identify(all=types.AllFiles())))


@case("CH-04", "the usual digest of all files", note="SHA256, which every pillar has on record; "
      "the reference's usual one is MD5")
def all_files(pillar):
    files = {file.id: file for file in pillar.three_files()}
    done = digests_of(pillar, types.FileSelection(prefix=pillar.prefix))
    check_exchange(pillar, done, COMPLETED)
    got = {item.file_id: item for item in done.content.items}
    check(set(files) <= set(got), "a file is left out")
    for file_id, file in files.items():
        item = got[file_id]
        check_equal([file.digest], list(item.digests), "digests")
        check_equal(len(file.data), item.size_bytes, "size_bytes")
        check(item.calculated_at_us > 0, "calculated_at_us is not set")


@case("CH-05", "each algorithm of one file", KEEPS_BYTES)
def each_algorithm(pillar):
    file = pillar.new_file()
    for algorithm, name in ALGORITHMS.items():
        done = digests_of(pillar, one(file.id), [algorithm])
        check_exchange(pillar, done, COMPLETED)
        check_equal([[hashlib.new(name, file.data).digest()]], values(done), name)


@case("CH-06", "HMAC-MD5 with a salt", KEEPS_BYTES)
def hmac_md5(pillar):
    file = pillar.new_file()
    done = digests_of(pillar, one(file.id), [types.HMAC_MD5], SALT)
    check_exchange(pillar, done, COMPLETED)
    check_equal([[hmac.digest(SALT, file.data, "md5")]], values(done), "digests")


@case("CH-07", "every HMAC in one pass, in the order asked for", KEEPS_BYTES)
def every_hmac(pillar):
    file = pillar.new_file()
    done = digests_of(pillar, one(file.id), list(HMACS), SALT)
    check_exchange(pillar, done, COMPLETED)
    check_equal([[hmac.digest(SALT, file.data, name) for name in HMACS.values()]], values(done),
                "digests")


@case("CH-08", "in the order of ids", note="not of the time of calculation")
def sorted_by_id(pillar):
    pillar.new_file(name="c2")
    pillar.new_file(name="c1")
    done = digests_of(pillar, types.FileSelection(prefix=pillar.prefix))
    ids = [item.file_id for item in done.content.items]
    check_equal(sorted(ids, key=str.encode), ids, "the order")


@case("CH-09", "one item of a list")
def one_item(pillar):
    files = pillar.three_files()
    done = digests_of(pillar, pillar.select(files), page=types.PageSpec(limit_items=1))
    check_exchange(pillar, done, COMPLETED)
    check_equal([files[0].id], [item.file_id for item in done.content.items], "ids")
    check(done.content.page.next_cursor, "there is no next_cursor")


def calculated_window(pillar, from_end):
    files = {file.id for file in pillar.three_files()}
    selected = types.FileSelection(prefix=pillar.prefix)

    def ask(window):
        done = digests_of(pillar, selected, calculated=window)
        check_exchange(pillar, done, COMPLETED)
        return [item.file_id for item in done.content.items]

    times = {item.file_id: item.calculated_at_us
             for item in digests_of(pillar, selected).content.items if item.file_id in files}
    check_equal(files, set(times), "the files in a list")
    check_window(times, from_end, ask)


@case("CH-10", "calculated from an instant on")
def calculated_from(pillar):
    calculated_window(pillar, False)


@case("CH-11", "calculated until an instant")
def calculated_until(pillar):
    calculated_window(pillar, True)


@case("CH-12", "a file that is not there; in a list it says so by itself")
def missing(pillar):
    check_exchange(pillar, digests_of(pillar, one(pillar.new_id())), types.FILE_NOT_FOUND_FAILURE)
    file, gone = pillar.new_file(), pillar.new_id()
    files = types.FileSelection(list=types.FileList(file_ids=[gone, file.id, gone]))
    done = digests_of(pillar, files)
    check_exchange(pillar, done, COMPLETED)
    check_equal([types.FILE_NOT_FOUND_FAILURE, 0, types.FILE_NOT_FOUND_FAILURE],
                [item.trouble.code for item in done.content.items], "trouble")
    check_equal([[], [file.digest.value], []], values(done), "digests")


@case("CH-13", "a range of one file", KEEPS_BYTES)
def of_a_range(pillar):
    file = pillar.new_file(bytes(range(256)) * 5000)
    for offset, length in ((0, 1), (1000, 1_000_000), (1_279_999, None), (1_280_000, None)):
        done = digests_of(pillar, one(file.id), [types.SHA256, types.MD5], offset=offset,
                          length=length)
        check_exchange(pillar, done, COMPLETED)
        part = file.data[offset:None if length is None else offset + length]
        check_equal([[hashlib.sha256(part).digest(), hashlib.md5(part).digest()]], values(done),
                    f"digests from {offset}")
        check_equal(len(file.data), done.content.items[0].size_bytes, "size_bytes")
    for offset, length in ((0, 1_280_001), (1_280_001, None), (2**64 - 1, 2)):
        check_exchange(pillar, digests_of(pillar, one(file.id), offset=offset, length=length),
                       types.RANGE_ERROR)


@case("CH-14", "a spec that makes no sense")
def bad_spec(pillar):
    file = pillar.new_file()
    for algorithms, salt in (([types.SHA256], SALT), ([], SALT), ([types.HMAC_SHA256], b""),
                             ([types.SHA256, types.HMAC_SHA256], SALT),
                             ([types.SHA256, types.SHA256], b""),
                             ([types.HMAC_SHA256], bytes(1025))):
        check_exchange(pillar, digests_of(pillar, one(file.id), algorithms, salt),
                       types.REQUEST_NOT_UNDERSTOOD_FAILURE)


@case("CH-15", "an algorithm that is not known")
def unknown_algorithm(pillar):
    file = pillar.new_file()
    check_exchange(pillar, digests_of(pillar, one(file.id), [99]), types.REQUEST_NOT_SUPPORTED)


@case("CH-16", "what a pillar without bytes cannot tell", (CHECKSUM,))
def of_no_bytes(pillar):
    file = pillar.new_file()
    for fields in ({"algorithms": [types.MD5]}, {"fresh": True}, {"offset": 1},
                   {"algorithms": [types.HMAC_SHA256], "salt": SALT}, {"block_bytes": 4096}):
        check_exchange(pillar, digests_of(pillar, one(file.id), **fields),
                       types.REQUEST_NOT_SUPPORTED)


@case("CH-17", "fresh digests are read from the bytes now", KEEPS_BYTES)
def fresh(pillar):
    file = pillar.new_file()
    stored = digests_of(pillar, one(file.id)).content.items[0].calculated_at_us
    done = digests_of(pillar, one(file.id), fresh=True)
    check_exchange(pillar, done, COMPLETED)
    check_equal([[file.digest.value]], values(done), "digests")
    check(done.content.items[0].calculated_at_us > stored, "calculated_at_us did not rise")


@case("CH-18", "a list by token: the digests of its items, and no items in the final")
def by_token(pillar):
    files = pillar.three_files()
    done = pillar.ask(ops.GetChecksumsRequest(files=pillar.select(files)),
                      pillar.moving(lambda session, token: session.fetch(token)),
                      page=types.PageSpec(by_token=True))
    check_exchange(pillar, done, COMPLETED)
    items = read_list(done.transfer, ops.ChecksumItem)
    check_equal([[file.digest] for file in files], [list(item.digests) for item in items],
                "digests")
    check(not done.content.items, "the final has items too")


def blocks(pillar, file, block_bytes, page=None, **fields):
    return digests_of(pillar, one(file.id), [types.SHA256], block_bytes=block_bytes, page=page,
                      **fields)


@case("BI-01", "digests of blocks", KEEPS_BYTES)
def of_blocks(pillar):
    file = pillar.new_file(bytes(range(256)) * 100)
    done = blocks(pillar, file, 4096)
    check_exchange(pillar, done, COMPLETED)
    parts = [file.data[at:at + 4096] for at in range(0, len(file.data), 4096)]
    check_equal([[hashlib.sha256(part).digest()] for part in parts], values(done), "digests")
    check_equal(list(range(len(parts))), [item.block for item in done.content.items], "blocks")


@case("BI-02", "digests of the blocks of a range, page by page", KEEPS_BYTES)
def of_blocks_of_a_range(pillar):
    file = pillar.new_file(bytes(range(256)) * 100)
    part = file.data[1000:21000]
    seen, cursor = [], b""
    while len(seen) < 10:
        done = blocks(pillar, file, 4096, types.PageSpec(limit_items=2, cursor=cursor),
                      offset=1000, length=20000)
        check_exchange(pillar, done, COMPLETED)
        seen += [(item.block, item.digests[0].value) for item in done.content.items]
        cursor = done.content.page.next_cursor
        if not cursor:
            break
    check_equal([(number, hashlib.sha256(part[at:at + 4096]).digest())
                 for number, at in enumerate(range(0, len(part), 4096))], seen, "blocks")


@case("BI-03", "sizes of blocks that are refused, and the least and the greatest", KEEPS_BYTES)
def block_sizes(pillar):
    file = pillar.new_file()
    for size in (4096, 1 << 30):
        check_exchange(pillar, blocks(pillar, file, size), COMPLETED)
    for size in (1, 4095, (1 << 30) + 1):
        check_exchange(pillar, blocks(pillar, file, size), types.REQUEST_NOT_UNDERSTOOD_FAILURE)
