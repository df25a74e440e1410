# SPDX-License-Identifier: Apache-2.0
"""NV: newer and older components (docs/spec/00, Versions). The reference never refused one."""

from case_list import case, check, check_code, check_equal
from cases.demands import check_exchange
from pillar_under_test import COMPLETED, POSITIVE, body_of, ops, types
from wire_client import vocabulary as wire
from wire_client.bus_member import Message


def put_of(file_id):
    return ops.PutFileRequest(file_id=file_id, size_bytes=3, digest=wire.sha256(b"new"))


def check_nothing_done(pillar, file_id):
    check_equal(None, pillar.stands(file_id), "what is kept")


@case("NV-01", "a feature that must be understood and is not [B-6]")
def unknown_feature(pillar):
    file_id = pillar.new_id()
    done = pillar.ask(put_of(file_id), pillar.storing(b"new"), must_understand=["time-travel"])
    check_exchange(pillar, done, types.REQUEST_NOT_SUPPORTED)
    check_nothing_done(pillar, file_id)
    reply = pillar.identify(ops.GetStatusIdentify(), must_understand=["time-travel"])
    check_code(reply, types.REQUEST_NOT_SUPPORTED)


@case("NV-02", "a message for newer components [B-5]")
def too_new(pillar):
    file_id = pillar.new_id()
    newer = {"version": 200, "min_version": 200}
    done = pillar.ask(put_of(file_id), pillar.storing(b"new"), **newer)
    check_exchange(pillar, done, types.VERSION_NOT_SUPPORTED)
    check_nothing_done(pillar, file_id)
    check_code(pillar.identify(ops.GetStatusIdentify(), **newer), types.VERSION_NOT_SUPPORTED)


@case("NV-03", "a newer sender that says older ones understand it [B-5]")
def newer_sender(pillar):
    done = pillar.ask(put_of(pillar.new_id()), pillar.storing(b"new"), version=200)
    check_exchange(pillar, done, COMPLETED)


@case("NV-04", "versions that make no sense [B-4]")
def bad_versions(pillar):
    for version, least in ((0, 0), (1, 0), (1, 2)):
        done = pillar.ask(ops.GetStatusRequest(), version=version, min_version=least)
        check(done.code in (types.REQUEST_NOT_UNDERSTOOD_FAILURE, types.VERSION_NOT_SUPPORTED),
              f"{version}, {least}: {done.final}")


@case("NV-05", "fields that are not known [B-7]")
def unknown_fields(pillar):
    body = body_of(put_of(pillar.new_id()))
    conversation = pillar.conversation(body)
    message = conversation.message(types.REQUEST, body, pillar.id)
    frames = message.frames()
    unknown = b"\xfa\x7d\x03new"  # field 2015, three bytes
    frames[1] += unknown
    frames[2] += unknown
    newer = Raw(message, frames)
    check_exchange(pillar, conversation.exchange(newer, pillar.storing(b"new")), COMPLETED)


class Raw(Message):
    """A message whose frames are no longer those that would be made of it."""

    def __init__(self, message, frames):
        super().__init__(message.destination, message.header, message.body)
        self._frames = frames

    def frames(self):
        return self._frames


@case("NV-06", "an operation that is reserved, or not known [B-23]")
def unknown_operation(pillar):
    for operation in (types.UPDATE_FILE, 120):
        check_code(pillar.identify(ops.GetStatusIdentify(), operation=operation),
                   types.REQUEST_NOT_SUPPORTED)
        check_exchange(pillar, pillar.ask(ops.GetStatusRequest(), operation=operation),
                       types.REQUEST_NOT_SUPPORTED)


@case("NV-07", "a content of another operation [B-2]")
def foreign_content(pillar):
    done = pillar.ask(ops.GetStatusRequest(), operation=types.GET_FILE_IDS)
    check_exchange(pillar, done, types.REQUEST_NOT_UNDERSTOOD_FAILURE)


@case("NV-08", "an identify that is said again is answered again [S-1]")
def identify_twice(pillar):
    body = body_of(ops.GetStatusIdentify())
    conversation = pillar.conversation(body)
    message = conversation.message(types.IDENTIFY, body, pillar.id)
    for _ in range(2):
        check_code(conversation.exchange(message), POSITIVE)
