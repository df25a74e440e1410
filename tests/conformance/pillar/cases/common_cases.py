# SPDX-License-Identifier: Apache-2.0
"""X: what every operation does alike about collections. One case for each operation."""

from case_list import ALL_KINDS, KEEPS_BYTES, Skipped, case, check, check_code
from cases.demands import check_refused
from pillar_under_test import COMPLETED, POSITIVE, body_of, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire

NEW = b"new bytes"


def chosen(file_id):
    return types.FileSelection(file_id=file_id)


def put_contents(pillar, _):
    file_id = pillar.new_id()
    fields = {"file_id": file_id, "size_bytes": len(NEW), "digest": wire.sha256(NEW)}
    return ops.PutFileIdentify(**fields), ops.PutFileRequest(**fields)


def get_contents(_, file):
    wanted = types.FileRange(file_id=file.id)
    return ops.GetFileIdentify(range=wanted), ops.GetFileRequest(range=wanted)


def replace_contents(_, file):
    fields = {"file_id": file.id, "size_bytes": len(NEW), "digest": wire.sha256(NEW),
              "old_digest": file.digest}
    return ops.ReplaceFileIdentify(**fields), ops.ReplaceFileRequest(**fields)


def delete_contents(_, file):
    return (ops.DeleteFileIdentify(file_id=file.id),
            ops.DeleteFileRequest(file_id=file.id, digest=file.digest, delete_everywhere=file.id))


def undelete_contents(pillar, file):
    pillar.delete(file)
    return ops.UndeleteFileIdentify(file_id=file.id), ops.UndeleteFileRequest(file_id=file.id)


def checksums_contents(_, file):
    return (ops.GetChecksumsIdentify(files=chosen(file.id)),
            ops.GetChecksumsRequest(files=chosen(file.id)))


def file_ids_contents(_, file):
    return (ops.GetFileIdsIdentify(files=chosen(file.id)),
            ops.GetFileIdsRequest(files=chosen(file.id)))


def file_infos_contents(_, file):
    return (ops.GetFileInfosIdentify(files=chosen(file.id)),
            ops.GetFileInfosRequest(files=chosen(file.id)))


# By word: what an identify and a request of the operation say of a file, the kinds it is for.
OPERATIONS = {
    "put": (put_contents, ALL_KINDS),
    "get": (get_contents, KEEPS_BYTES),
    "replace": (replace_contents, ALL_KINDS),
    "delete": (delete_contents, ALL_KINDS),
    "undelete": (undelete_contents, ALL_KINDS),
    "checksums": (checksums_contents, ALL_KINDS),
    "file-ids": (file_ids_contents, ALL_KINDS),
    "file-infos": (file_infos_contents, ALL_KINDS),
}


def move(pillar):
    """Moves the bytes that a token of any operation here is for."""
    return pillar.moving(
        lambda session, token: session.store(token, NEW)
        if data_session.read_token(token).verb == wire.channel.STORE else session.fetch(token))


def add(word, contents, kinds):
    @case(f"X-01-{word}", f"{word}: a message without a collection", kinds)
    def without_collection(pillar):
        identify, request = contents(pillar, pillar.new_file())
        refused = types.REQUEST_NOT_UNDERSTOOD_FAILURE
        check_refused(pillar.identify(identify, collection_id=""), refused)
        check_refused(pillar.ask(request, move(pillar), collection_id=""), refused)

    @case(f"X-02-{word}", f"{word}: in the second collection", kinds)
    def in_the_second(pillar):
        second = pillar.second_collection
        if not second:
            raise Skipped("no --second-collection is named")
        identify, request = contents(pillar, pillar.new_file(collection=second))
        check_code(pillar.identify(identify, second), POSITIVE)
        check_code(pillar.ask(request, move(pillar), collection=second), COMPLETED)

    @case(f"X-03-{word}", f"{word}: a collection that the pillar does not keep", kinds,
          "identify is not answered, as there; a request by name gets the refusal that is owed")
    def in_a_foreign_one(pillar):
        identify, request = contents(pillar, pillar.new_file())
        body = body_of(identify)
        conversation = pillar.conversation(body, pillar.foreign_collection)
        message = conversation.message(types.IDENTIFY, body)
        conversation.say(message)
        heard = []
        while not heard or heard[-1].kind not in (types.ROUTED, types.REFUSED):
            answer = conversation.next(3)
            check(answer is not None, "the broker does not answer an identify")
            heard.append(answer)
        check_code(pillar.identify(ops.GetStatusIdentify()), POSITIVE)  # heard by it, and later
        while (answer := conversation.next(0)) is not None:
            heard.append(answer)
        check(all(one.kind != types.IDENTIFY_REPLY for one in heard), "the pillar answers")
        if heard[0].kind == types.ROUTED:
            check(pillar.id not in heard[0].body.routed.sent_to, "it is sent to the pillar")
        check_refused(pillar.ask(request, move(pillar), collection=pillar.foreign_collection),
                      types.REQUEST_NOT_UNDERSTOOD_FAILURE)


for _word, (_contents, _kinds) in OPERATIONS.items():
    add(_word, _contents, _kinds)
