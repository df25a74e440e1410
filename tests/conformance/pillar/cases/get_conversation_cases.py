# SPDX-License-Identifier: Apache-2.0
"""CV: GetConversation, what became of one. The reference has no such operation."""

from case_list import case, check_code, check_equal
from cases.demands import check_exchange
from pillar_under_test import COMPLETED, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire


def ask_of(pillar, conversation_id):
    return pillar.ask(ops.GetConversationRequest(conversation_id=conversation_id))


@case("CV-01", "a request that is done")
def conversation_done(pillar):
    put = pillar.put(pillar.new_id(), b"what became of it?")
    check_exchange(pillar, put, COMPLETED)
    header = put.request.header
    done = ask_of(pillar, header.conversation_id)
    check_exchange(pillar, done, COMPLETED)
    check_equal(1, len(done.content.requests), "requests")
    told = done.content.requests[0]
    check_equal((header.message_id, pillar.bus.principal, ops.REQUEST_DONE, COMPLETED),
                (told.message_id, told.principal, told.state, told.response.code), "request")
    check_equal(put.content.file, told.file, "file")


@case("CV-02", "a request that is under way")
def conversation_under_way(pillar):
    asked = []

    def ask_meanwhile(session, token):
        asked.append(ask_of(pillar, data_session.read_token(token).conversation_id))
        return session.store(token, b"slow")

    request = ops.PutFileRequest(file_id=pillar.new_id(), size_bytes=4, digest=wire.sha256(b"slow"))
    put = pillar.ask(request, pillar.moving(ask_meanwhile))
    check_exchange(pillar, put, COMPLETED)
    check_exchange(pillar, asked[0], COMPLETED)
    told = asked[0].content.requests[0]
    check_equal((put.request.header.message_id, ops.REQUEST_WORKING),
                (told.message_id, told.state), "request")


@case("CV-03", "one that is not known here")
def conversation_unknown(pillar):
    done = ask_of(pillar, wire.new_id())
    check_code(done, COMPLETED)
    check_equal([], list(done.content.requests), "requests")
