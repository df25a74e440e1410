# SPDX-License-Identifier: Apache-2.0
"""What many cases demand alike."""

from case_list import CHECKSUM, FULL, NEARLINE, check, check_code, check_equal
from pillar_under_test import POSITIVE
from wire_client import vocabulary as wire

types = wire.types
KIND_ON_THE_WIRE = {FULL: types.FULL_PILLAR, CHECKSUM: types.CHECKSUM_PILLAR,
                    NEARLINE: types.NEARLINE_PILLAR}


def check_base(pillar, answer, collection=None):
    """The header of a reply of the pillar: the reference's base fields."""
    header = answer.header
    wanted = pillar.collection if collection is None else collection
    check_equal(wanted, header.collection_id, "collection_id")
    check_equal(pillar.id, getattr(header, "from"), "from")
    check_equal(pillar.bus.session, header.to, "to")
    check_equal(f"client:{pillar.bus.session}", answer.destination, "destination")
    check_equal("", header.reply_to, "reply_to")
    check(header.issued_at_us > 0, "issued_at_us is not set")


def check_positive(pillar, reply):
    """A positive identify reply, with a time to deliver and the kind of the pillar."""
    check_code(reply, POSITIVE)
    check_base(pillar, reply)
    time_to_deliver = reply.content.time_to_deliver
    check(reply.content.HasField("time_to_deliver"), "there is no time_to_deliver")
    check_equal(KIND_ON_THE_WIRE[pillar.kind], time_to_deliver.pillar_kind, "pillar_kind")


def check_exchange(pillar, exchange, code):
    """The final's base fields and code; progress before it has rising numbers."""
    check_code(exchange, code)
    check_equal(types.FINAL, exchange.final.kind, "the kind of the answer")
    check_base(pillar, exchange.final)
    sequences = [one.body.progress.sequence for one in exchange.progress]
    check(sequences == sorted(set(sequences)), f"progress does not rise: {sequences}")
    for one in exchange.progress:
        check_base(pillar, one)


def check_refused(answer, *codes):
    """A refusal by the pillar, or by the broker where that judges already."""
    check_code(answer, *codes)
    check((getattr(answer, "final", answer)).kind in
          (types.IDENTIFY_REPLY, types.FINAL, types.REFUSED), "it is no refusal")
