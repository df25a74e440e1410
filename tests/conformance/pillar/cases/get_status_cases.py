# SPDX-License-Identifier: Apache-2.0
"""ST: GetStatus, a self-check."""

from case_list import case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, body_of, ops, types


@case("ST-01", "identify: positive")
def identify(pillar):
    check_positive(pillar, pillar.identify(ops.GetStatusIdentify()))


@case("ST-02", "a status", note="what is answered at once has no progress before it")
def status(pillar):
    pillar.new_file()
    done = pillar.ask(ops.GetStatusRequest())
    check_exchange(pillar, done, COMPLETED)
    told = done.content
    check_equal(max(one.health for one in told.checks), told.health, "health, of its checks")
    kept = {one.collection_id: one for one in told.collections}
    check(pillar.collection in kept, "the collection is not told")
    check(kept[pillar.collection].files > 0, "it tells no files")
    check(told.version and told.total_bytes, "version or space is not told")


@case("ST-03", "a request whose header names another pillar", note="marked as failing in the "
      "reference; here the broker refuses it already, so no pillar hears it")
def wrong_pillar(pillar):
    body = body_of(ops.GetStatusRequest())
    conversation = pillar.conversation(body)
    message = conversation.message(types.REQUEST, body, pillar.id)
    message.header.to = "another-pillar"
    answer = conversation.exchange(message)
    check_code(answer, types.REQUEST_NOT_UNDERSTOOD_FAILURE)
