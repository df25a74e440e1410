# SPDX-License-Identifier: Apache-2.0
"""AT: GetAuditTrails, what was changed and what was refused."""

import hashlib
import uuid

from case_list import Skipped, case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, ops, types
from wire_client import vocabulary as wire


def trail(pillar, page=None, collection=None, **fields):
    """The exchange of one page."""
    return pillar.ask(ops.GetAuditTrailsRequest(**fields), page=page, collection=collection)


def records(pillar, collection=None, **fields):
    """All that a query finds, page by page."""
    found, cursor = [], b""
    while True:
        done = trail(pillar, types.PageSpec(cursor=cursor), collection, **fields)
        check_code(done, COMPLETED)
        found += done.content.items
        cursor = done.content.page.next_cursor
        if not cursor:
            return found


def two_records(pillar):
    """The records of two files of one conversation each, at least two."""
    pillar.new_file()
    file = pillar.new_file()
    pillar.delete(file)
    found = records(pillar, file_id=file.id)
    check(len(found) >= 2, "a put and a delete are not both on record")
    return file, found


@case("AT-01", "one event of a list is its first")
def first_event(pillar):
    file, found = two_records(pillar)
    items, cursor = [], b""
    while not items:  # a page may be empty and not the last
        done = trail(pillar, types.PageSpec(limit_items=1, cursor=cursor), file_id=file.id)
        check_exchange(pillar, done, COMPLETED)
        items, cursor = list(done.content.items), done.content.page.next_cursor
        check(cursor, "there is no next_cursor")
    check_equal(found[:1], items, "items")


@case("AT-02", "from a number on")
def from_number(pillar):
    file, found = two_records(pillar)
    first, last = found[0].sequence, found[-1].sequence
    check_equal(found, records(pillar, file_id=file.id, first_sequence=first), "from the first")
    check_equal(found[-1:], records(pillar, file_id=file.id, first_sequence=last), "from the last")
    check_equal([], records(pillar, file_id=file.id, first_sequence=last + 1), "past the last")


@case("AT-03", "until a number")
def until_number(pillar):
    file, found = two_records(pillar)
    first, last = found[0].sequence, found[-1].sequence
    check_equal(found, records(pillar, file_id=file.id, last_sequence=last), "until the last")
    check_equal(found[:1], records(pillar, file_id=file.id, last_sequence=first),
                "until the first")
    check_exchange(pillar, trail(pillar, first_sequence=5, last_sequence=4),
                   types.REQUEST_NOT_UNDERSTOOD_FAILURE)


@case("AT-04", "identify: positive")
def identify(pillar):
    check_positive(pillar, pillar.identify(ops.GetAuditTrailsIdentify()))


@case("AT-05", "who, what, when, and why")
def who_and_why(pillar):
    file_id, before = pillar.new_id(), wire.now_us()
    body = ops.PutFileRequest(file_id=file_id, size_bytes=4, digest=wire.sha256(b"why?"))
    put = pillar.ask(body, pillar.storing(b"why?"), reason="a test of the acceptance kit")
    check_exchange(pillar, put, COMPLETED)
    found = records(pillar, file_id=file_id)
    check_equal(1, len(found), "records")
    record = found[0]
    check_equal(("PUT_FILE", pillar.collection, pillar.bus.principal, "OPERATION_COMPLETED"),
                (record.action, record.collection_id, record.principal, record.result), "record")
    conversation = put.request.header.conversation_id
    check_equal(str(uuid.UUID(bytes=conversation)), record.conversation_id, "conversation_id")
    check("a test of the acceptance kit" in record.detail, "the reason is not told")
    check(before - 60_000_000 < record.at_us < wire.now_us() + 60_000_000, "at_us")
    check_equal(found, records(pillar, conversation_id=conversation), "by conversation")
    check_equal(found, records(pillar, file_id=file_id, action="PUT_FILE"), "by action")
    check_equal([], records(pillar, file_id=file_id, action="DELETE_FILE"), "by another action")
    check_equal([], records(pillar, file_id=file_id, principal="nobody"), "by another principal")
    window = types.TimeWindow(from_us=record.at_us, until_us=record.at_us)
    check_equal(found, records(pillar, file_id=file_id, at=window), "by time")


@case("AT-06", "a change that was refused")
def refused(pillar):
    file = pillar.new_file()
    check_code(pillar.delete(file, digest=wire.sha256(b"wrong")),
               types.EXISTING_FILE_CHECKSUM_FAILURE)
    results = [(one.action, one.result) for one in records(pillar, file_id=file.id)]
    check(("DELETE_FILE", "EXISTING_FILE_CHECKSUM_FAILURE") in results, f"records: {results}")


def chain_line(record):
    """The line of a record that its hash covers (docs/spec/20, GetAuditTrails)."""
    plain = {9: r"\t", 10: r"\n", 13: r"\r", 34: r'\"', 39: r"\'", 92: r"\\"}

    def escaped(text):
        return b"".join(
            plain[byte].encode() if byte in plain
            else b"\\%03o" % byte if byte < 0x20 or byte == 0x7F else bytes([byte])
            for byte in text.encode())

    texts = (record.action, record.collection_id, record.file_id, record.principal,
             record.conversation_id, record.result, record.detail)
    return b"\t".join([b"%d" % record.sequence, b"%d" % record.at_us, *map(escaped, texts)])


@case("AT-07", "numbers without holes, and hashes that follow one another to the end")
def chain(pillar):
    pillar.new_file(name="tab\\quote'")
    done = trail(pillar, types.PageSpec(limit_items=1), "")  # of every collection
    check_code(done, COMPLETED)
    end = done.content.end_sequence
    first = max(1, end - 200)
    found = records(pillar, "", first_sequence=first, last_sequence=end)
    check_equal(list(range(first, end + 1)), [one.sequence for one in found], "numbers")
    check_equal(done.content.end_hash, found[-1].hash, "end_hash")
    before = bytes(32) if first == 1 else found.pop(0).hash
    for record in found:
        before = hashlib.sha256(before + chain_line(record)).digest()
        check_equal(before, record.hash, f"the hash of record {record.sequence}")


@case("AT-08", "the collection of the header is a filter, and part of the question")
def by_collection(pillar):
    if not pillar.second_collection:
        raise Skipped("no --second-collection is named")
    first = pillar.new_file()
    check_code(pillar.put(first.id, b"elsewhere", pillar.second_collection), COMPLETED)
    for collection in (pillar.collection, pillar.second_collection):
        found = records(pillar, collection, file_id=first.id)
        check_equal([collection], [one.collection_id for one in found], "records of one")
    found = records(pillar, "", file_id=first.id)
    check_equal([pillar.collection, pillar.second_collection],
                [one.collection_id for one in found], "records of all")
    page = types.PageSpec(limit_items=1)
    cursor = trail(pillar, page, "", action="PUT_FILE").content.page.next_cursor
    check(cursor, "there is no next_cursor")
    check_code(trail(pillar, types.PageSpec(cursor=cursor), action="PUT_FILE"),
               types.REQUEST_NOT_UNDERSTOOD_FAILURE)
