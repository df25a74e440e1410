# SPDX-License-Identifier: Apache-2.0
"""FI: GetFileIDs, what is kept. Lists come by id, as bytes, where the reference sorts by time."""

from case_list import case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from cases.listing import check_window, read_list
from pillar_under_test import COMPLETED, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire


def identify(**files):
    return ops.GetFileIdsIdentify(files=types.FileSelection(**files))


def request(files, **fields):
    return ops.GetFileIdsRequest(files=files, **fields)


def one(file_id):
    return types.FileSelection(file_id=file_id)


@case("FI-01", "identify of one file: positive")
def identify_good(pillar):
    check_positive(pillar, pillar.identify(identify(file_id=pillar.new_file().id)))


@case("FI-02", "identify of a file that is not there")
def identify_missing(pillar):
    check_code(pillar.identify(identify(file_id=pillar.new_id())), types.FILE_NOT_FOUND_FAILURE)


@case("FI-03", "identify of all files: positive whatever is kept")
def identify_all(pillar):
    check_positive(pillar, pillar.identify(identify(all=types.AllFiles())))
    check_positive(pillar, pillar.identify(identify(prefix=pillar.new_id("none"))))


@case("FI-04", "all files", note="what is answered at once has no progress before it")
def list_all(pillar):
    files = pillar.three_files()
    done = pillar.ids(types.FileSelection(prefix=pillar.prefix))
    check_exchange(pillar, done, COMPLETED)
    listed = [item.file_id for item in done.content.items]
    check(all(file.id in listed for file in files), f"not all files are listed: {listed}")


@case("FI-05", "a file that is not there")
def list_missing(pillar):
    check_exchange(pillar, pillar.ids(one(pillar.new_id())), types.FILE_NOT_FOUND_FAILURE)


@case("FI-06", "one file: one item, and complete")
def list_one(pillar):
    file = pillar.three_files()[1]
    done = pillar.ids(one(file.id))
    check_exchange(pillar, done, COMPLETED)
    check_equal([file.info], list(done.content.items), "items")
    check_equal(b"", done.content.page.next_cursor, "next_cursor")


@case("FI-07", "a list by token that its receiver cannot take",
      note="in place of a delivery address that does not work")
def list_not_taken(pillar):
    failed = types.FILE_TRANSFER_FAILURE
    done = pillar.ask(
        request(pillar.select(pillar.three_files())),
        pillar.moving(lambda session, token: session.fetch(token, response=failed)),
        page=types.PageSpec(by_token=True))
    check_exchange(pillar, done, failed)


@case("FI-08", "a list by token", note="in place of a delivery address")
def list_by_token(pillar):
    files = pillar.three_files()
    done = pillar.ask(request(pillar.select(files)),
                      pillar.moving(lambda session, token: (data_session.read_token(token),
                                                            session.fetch(token))),
                      page=types.PageSpec(by_token=True))
    check_exchange(pillar, done, COMPLETED)
    token, data = done.transfer
    check_equal(wire.channel.LIST, token.content, "the content of the token")
    check_equal(types.SENDING, done.progress[-1].body.progress.phase, "the phase of the token")
    check_equal([file.info for file in files], read_list(data, types.FileInfo), "items")
    check(not done.content.items, "the final has items too")


@case("FI-09", "in the order of ids", note="not of time: a cursor of times loses equal ones")
def list_sorted(pillar):
    late, early = pillar.new_file(name="s2"), pillar.new_file(name="s1")
    ids = [item.file_id for item in
           pillar.ids(types.FileSelection(prefix=pillar.prefix)).content.items]
    check_equal(sorted(ids, key=str.encode), ids, "the order")
    check({late.id, early.id} <= set(ids), "a file is left out")


@case("FI-10", "one item at a time, until all have come")
def list_one_by_one(pillar):
    files = pillar.three_files()
    seen, cursor = [], b""
    while len(seen) <= len(files):
        page = pillar.ids(pillar.select(files), limit_items=1, cursor=cursor)
        check_exchange(pillar, page, COMPLETED)
        check_equal(1, len(page.content.items), "items of a page")
        seen.append(page.content.items[0].file_id)
        cursor = page.content.page.next_cursor
        if not cursor:
            break
    check_equal([file.id for file in files], seen, "the pages")


def stored_window(pillar, from_end):
    times = {file.id: file.info.stored_at_us for file in pillar.three_files()}

    def ask(window):
        done = pillar.ask(request(types.FileSelection(prefix=pillar.prefix), stored=window))
        check_exchange(pillar, done, COMPLETED)
        return [item.file_id for item in done.content.items]

    check_window(times, from_end, ask)


@case("FI-11", "stored from an instant on")
def list_stored_from(pillar):
    stored_window(pillar, False)


@case("FI-12", "stored until an instant")
def list_stored_until(pillar):
    stored_window(pillar, True)


@case("FI-13", "a list of ids: in its order, as often as named, and what is not held says so")
def list_of_ids(pillar):
    first, second, _ = pillar.three_files()
    missing = pillar.new_id()
    ids = [second.id, missing, first.id, second.id]
    done = pillar.ids(types.FileSelection(list=types.FileList(file_ids=ids)))
    check_exchange(pillar, done, COMPLETED)
    check_equal(ids, [item.file_id for item in done.content.items], "ids")
    check_equal(types.FILE_NOT_FOUND_FAILURE, done.content.items[1].trouble.code, "trouble")
    check_equal(second.info, done.content.items[3], "the last item")


@case("FI-14", "a cursor of another query")
def list_foreign_cursor(pillar):
    files = pillar.three_files()
    page = pillar.ids(types.FileSelection(prefix=pillar.prefix), limit_items=1)
    check_exchange(pillar, page, COMPLETED)
    cursor = page.content.page.next_cursor
    check(cursor, "there is no next_cursor")
    for selected in (types.FileSelection(all=types.AllFiles()), pillar.select(files)):
        check_exchange(pillar, pillar.ids(selected, cursor=cursor),
                       types.REQUEST_NOT_UNDERSTOOD_FAILURE)
    check_exchange(pillar, pillar.ids(types.FileSelection(prefix=pillar.prefix), cursor=b"garbage"),
                   types.REQUEST_NOT_UNDERSTOOD_FAILURE)


@case("FI-15", "no selection, and a list that is empty or too long")
def list_nothing(pillar):
    for files in (types.FileSelection(), types.FileSelection(list=types.FileList()),
                  types.FileSelection(list=types.FileList(file_ids=["x"] * 1001))):
        check_exchange(pillar, pillar.ids(files), types.REQUEST_NOT_UNDERSTOOD_FAILURE)
    at_the_limit = types.FileSelection(list=types.FileList(file_ids=[pillar.new_id()] * 1000))
    check_exchange(pillar, pillar.ids(at_the_limit), COMPLETED)
