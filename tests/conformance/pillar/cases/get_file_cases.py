# SPDX-License-Identifier: Apache-2.0
"""GF: GetFile, one range of one file."""

from case_list import CHECKSUM, KEEPS_BYTES, case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire


def identify(file_id, offset=0, length=None):
    return ops.GetFileIdentify(
        range=types.FileRange(file_id=file_id, offset=offset, length=length))


@case("GF-01", "identify: positive, with what is here", KEEPS_BYTES)
def identify_good(pillar):
    file = pillar.new_file()
    reply = pillar.identify(identify(file.id))
    check_positive(pillar, reply)
    check_equal(file.info, reply.content.file, "file")


@case("GF-02", "identify of a file that is not there", KEEPS_BYTES)
def identify_missing(pillar):
    check_code(pillar.identify(identify(pillar.new_id())), types.FILE_NOT_FOUND_FAILURE)


@case("GF-03", "a whole file comes as it was put", KEEPS_BYTES)
def get_whole(pillar):
    file = pillar.new_file(bytes(range(256)) * 12000)  # 3 MB: several segments
    got = pillar.get(file.id)
    check_exchange(pillar, got, COMPLETED)
    check_equal(file.data, got.transfer, "the bytes")
    check_equal(file.info, got.content.file, "file")
    check_equal(len(file.data), got.content.bytes_sent, "bytes_sent")


@case("GF-04", "a part comes as it was put", KEEPS_BYTES,
      "a range of bytes in place of a FilePart; the token grants it, the final does not repeat it")
def get_part(pillar):
    file = pillar.new_file(bytes(range(256)) * 10)
    for offset, length in ((0, 1), (100, 700), (2559, 1), (1000, None), (2560, None)):
        got = pillar.get(file.id, offset, length)
        check_exchange(pillar, got, COMPLETED)
        end = len(file.data) if length is None else offset + length
        check_equal(file.data[offset:end], got.transfer, f"bytes from {offset}")


@case("GF-05", "get of a file that is not there", KEEPS_BYTES)
def get_missing(pillar):
    check_exchange(pillar, pillar.get(pillar.new_id()), types.FILE_NOT_FOUND_FAILURE)


@case("GF-08", "a pillar that keeps no bytes serves none", (CHECKSUM,),
      "the reference's clients skip such a pillar; here it says so")
def get_of_no_bytes(pillar):
    file = pillar.new_file()
    check_code(pillar.identify(identify(file.id)), types.REQUEST_NOT_SUPPORTED)
    check_exchange(pillar, pillar.get(file.id), types.REQUEST_NOT_SUPPORTED)


@case("GF-09", "a range that passes the end, or 2^64", KEEPS_BYTES)
def get_past_the_end(pillar):
    file = pillar.new_file(b"seven b")
    for offset, length in ((0, 8), (7, 1), (8, None), (2**64 - 1, 2), (2**63, 2**63)):
        got = pillar.get(file.id, offset, length)
        check_exchange(pillar, got, types.RANGE_ERROR)
        check(not got.transfer, "bytes came")


@case("GF-10", "a generation that is not there", KEEPS_BYTES)
def get_generation(pillar):
    file = pillar.new_file()
    check_exchange(pillar, pillar.get(file.id, generation_id=file.info.generation_id), COMPLETED)
    check_exchange(pillar, pillar.get(file.id, generation_id=wire.new_id()),
                   types.FILE_NOT_FOUND_FAILURE)


@case("GF-11", "a fetch that broke is opened again for what is missing", KEEPS_BYTES)
def get_again(pillar):
    file = pillar.new_file(bytes(range(256)) * 8000)

    def fetch_twice(token):
        endpoint = data_session.read_token(token).endpoints[0]
        for leave in (data_session.DataSession.abandon, data_session.DataSession.close):
            broken = data_session.DataSession(endpoint, pillar.bus.session)
            data_session.when_free(lambda session=broken: session.fetch_part(token))
            leave(broken)  # without a word, or with BYE
        with data_session.DataSession(endpoint, pillar.bus.session) as session:
            wanted = [(1_500_000, 48_000), (5, 10)]
            return data_session.when_free(lambda: session.fetch(token, wanted))

    got = pillar.ask(ops.GetFileRequest(range=types.FileRange(file_id=file.id)), fetch_twice)
    check_exchange(pillar, got, COMPLETED)
    check_equal(file.data[1_500_000:1_548_000] + file.data[5:15], got.transfer, "the bytes")


@case("GF-12", "a token that was altered, is spent, or is for another verb", KEEPS_BYTES)
def get_with_a_bad_token(pillar):
    file = pillar.new_file()

    def refusal(session, token, verb=wire.channel.FETCH):
        try:
            session.open_only(token, verb)
        except data_session.TransferEnded as ended:
            return ended.response.code
        return 0

    def try_them(session, token):
        middle = len(token) // 2
        altered = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1:]
        codes = [refusal(session, altered), refusal(session, token, wire.channel.STORE)]
        session.fetch(token)
        return codes + [refusal(session, token)]

    got = pillar.ask(ops.GetFileRequest(range=types.FileRange(file_id=file.id)),
                     pillar.moving(try_them))
    check_exchange(pillar, got, COMPLETED)
    check_equal([types.INVALID_TOKEN, types.DENIED, types.INVALID_TOKEN], got.transfer, "codes")
