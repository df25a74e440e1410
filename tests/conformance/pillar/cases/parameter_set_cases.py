# SPDX-License-Identifier: Apache-2.0
"""PS: lists of ids that travel the data channel, where a message has no room for them."""

from case_list import case, check, check_equal
from cases.demands import check_exchange
from cases.listing import read_list
from pillar_under_test import COMPLETED, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire
from wire_client.item_stream import pack_items


def pack_ids(ids):
    return pack_items([types.ParameterItem(file_id=one) for one in ids])


def selection(data, items):
    return types.FileSelection(parameters=types.ParameterSet(
        items=items, size_bytes=len(data), digest=wire.sha256(data)))


def ask(pillar, request, data):
    """The exchange; its `transfer` is what the token of the answer brought."""

    def move(session, token):
        said = data_session.read_token(token)
        if said.verb == wire.channel.FETCH:
            return session.fetch(token)
        check_equal(wire.channel.PARAMETERS, said.content, "the content of the first token")
        return session.store(token, data)

    return pillar.ask(request, pillar.moving(move), page=types.PageSpec(by_token=True))


@case("PS-01", "every id is answered, in order, as often as named")
def in_order(pillar):
    files = pillar.three_files()
    ids = [files[index % 3].id if index % 7 else pillar.new_id() for index in range(3000)]
    data = pack_ids(ids)
    done = ask(pillar, ops.GetFileIdsRequest(files=selection(data, len(ids))), data)
    check_exchange(pillar, done, COMPLETED)
    items = read_list(done.transfer, types.FileInfo)
    check_equal(ids, [item.file_id for item in items], "ids")
    check(all((item.trouble.code == types.FILE_NOT_FOUND_FAILURE) == (index % 7 == 0)
              for index, item in enumerate(items)), "what is not held does not say so")


@case("PS-02", "digests of a set")
def digests(pillar):
    files = pillar.three_files()
    data = pack_ids(file.id for file in files[::-1])
    done = ask(pillar, ops.GetChecksumsRequest(files=selection(data, 3)), data)
    check_exchange(pillar, done, COMPLETED)
    check_equal([[file.digest] for file in files[::-1]],
                [list(item.digests) for item in read_list(done.transfer, ops.ChecksumItem)],
                "digests")


@case("PS-03", "a set that is not what the request says")
def malformed(pillar):
    good = pack_ids(["a", "b"])
    for data, items, why in ((good, 3, "one item too few"), (good, 1, "one item too many"),
                             (good[:-1], 2, "cut short"), (b"\xff" * 12, 1, "no length"),
                             (pack_ids(["../x"]), 1, "an id that is none")):
        done = ask(pillar, ops.GetFileIdsRequest(files=selection(data, items)), data)
        check(done.code in (types.REQUEST_NOT_UNDERSTOOD_FAILURE, types.FILE_TRANSFER_FAILURE),
              f"{why}: {done.final}")


@case("PS-04", "a set whose answer is to come in pages")
def paged(pillar):
    data = pack_ids(["a"])
    request = ops.GetFileIdsRequest(files=selection(data, 1))
    for page in (types.PageSpec(), types.PageSpec(by_token=True, limit_items=1),
                 types.PageSpec(by_token=True, cursor=b"x")):
        check_exchange(pillar, pillar.ask(request, page=page),
                       types.REQUEST_NOT_UNDERSTOOD_FAILURE)
