# SPDX-License-Identifier: Apache-2.0
"""PF: PutFile, a new file."""

import hashlib

from case_list import CHECKSUM, FULL, KEEPS_BYTES, NEARLINE, case, check, check_code, check_equal
from cases.demands import check_exchange, check_positive
from pillar_under_test import COMPLETED, body_of, ops, types
from wire_client import data_session
from wire_client import vocabulary as wire

BAD_IDS = ("", "../x", "/x", "x/", "a/../../x", "a//b", "a/./b", "..", ".", "a\nb", "a\x7fb",
           "x" * 256)


def identify(file_id, data):
    return ops.PutFileIdentify(file_id=file_id, size_bytes=len(data), digest=wire.sha256(data))


def request(file_id, data, **fields):
    return ops.PutFileRequest(
        **{"file_id": file_id, "size_bytes": len(data), "digest": wire.sha256(data), **fields})


@case("PF-01", "identify: positive, and nothing is here", KEEPS_BYTES)
def identify_good(pillar):
    reply = pillar.identify(identify(pillar.new_id(), b"new"))
    check_positive(pillar, reply)
    check(not reply.content.HasField("existing"), "existing is set")
    check(not reply.content.already_held, "already_held is set")


@case("PF-02", "identify at a checksum pillar", (CHECKSUM,),
      "its kind is told in place of a PillarChecksumSpec: its algorithm is always SHA256")
def identify_checksum(pillar):
    identify_good(pillar)


@case("PF-03", "identify of an id that is taken", note="other bytes are refused with what is here "
      "as in the reference; the same bytes are success: already_held")
def identify_taken(pillar):
    file = pillar.new_file()
    reply = pillar.identify(identify(file.id, b"other"))
    check_code(reply, types.DUPLICATE_FILE_FAILURE)
    check_equal(file.info, reply.content.existing, "existing")
    reply = pillar.identify(identify(file.id, file.data))
    check_positive(pillar, reply)
    check(reply.content.already_held, "already_held is not set")
    check_equal(file.info, reply.content.existing, "existing")


@case("PF-04", "a file is put")
def put(pillar):
    file_id, data = pillar.new_id(), bytes(range(256)) * 12000
    done = pillar.put(file_id, data)
    check_exchange(pillar, done, COMPLETED)
    file = done.content.file
    check_equal((file_id, len(data), wire.sha256(data)),
                (file.file_id, file.size_bytes, file.digest), "file")
    check_equal(done.request.header.conversation_id, file.generation_id, "generation_id")
    check(not done.content.digests, "digests that nobody asked for")
    check_equal(file, pillar.stands(file_id), "the file in a list")


@case("PF-05", "a put that asks for digests of the new file", KEEPS_BYTES)
def put_with_digests(pillar):
    data = b"the quick brown fox"
    spec = types.ChecksumSpec(algorithms=[types.MD5, types.SHA512])
    done = pillar.put(pillar.new_id(), data, checksums=spec)
    check_exchange(pillar, done, COMPLETED)
    check_equal([(types.MD5, hashlib.md5(data).digest()),
                 (types.SHA512, hashlib.sha512(data).digest())],
                [(one.algorithm, one.value) for one in done.content.digests], "digests")


@case("PF-06", "the request is accepted, with a token")
def put_accepted(pillar):
    file_id = pillar.new_id()
    done = pillar.put(file_id, b"accepted")
    check_exchange(pillar, done, COMPLETED)
    accepted = done.accepted
    check(accepted, "no progress says OPERATION_ACCEPTED_PROGRESS")
    check_equal(types.ACCEPTED, accepted.body.progress.phase, "phase")
    token = data_session.read_token(accepted.secret.decode())
    check_equal((pillar.id, wire.channel.STORE, pillar.collection, file_id),
                (token.issuer, token.verb, token.collection_id, token.file_id), "token")
    check_equal(done.request.header.conversation_id, token.conversation_id, "conversation_id")
    check_equal(accepted.content.digest_only, token.digest_only, "digest_only")


@case("PF-07", "an id that is taken: the same bytes are held already, others change nothing")
def put_taken(pillar):
    file = pillar.new_file()
    same = pillar.put(file.id, file.data)
    check_exchange(pillar, same, COMPLETED)
    check(same.content.already_held, "already_held is not set")
    other = pillar.put(file.id, b"other bytes")
    check_exchange(pillar, other, types.DUPLICATE_FILE_FAILURE)
    check_equal(file.info, pillar.stands(file.id), "the file")


@case("PF-08", "bytes that do not have the digest named are not kept", KEEPS_BYTES)
def put_wrong_bytes(pillar):
    file_id = pillar.new_id()
    for wrong in (wire.sha256(b"other"),
                  types.Digest(algorithm=types.MD5, value=hashlib.md5(b"other").digest())):
        done = pillar.put(file_id, b"bytes", digest=wrong)
        check_exchange(pillar, done, types.NEW_FILE_CHECKSUM_FAILURE)
        check_equal(types.NEW_FILE_CHECKSUM_FAILURE, done.transfer.code, "the code of COMMIT_OK")
    check_equal(None, pillar.stands(file_id), "what is kept")


@case("PF-09", "a stream of which neither size nor digest is known", KEEPS_BYTES)
def put_stream(pillar):
    file_id, data = pillar.new_id(), bytes(range(256)) * 10000
    done = pillar.put(file_id, data, size_bytes=None, digest=None)
    check_exchange(pillar, done, COMPLETED)
    check_equal(wire.sha256(data), done.content.file.digest, "digest")
    again = pillar.put(file_id, data, size_bytes=None, digest=None)
    check_exchange(pillar, again, COMPLETED)
    check(again.content.already_held, "already_held is not set")


@case("PF-10", "a request that is said again has one effect; with other bytes it is CONFLICT")
def put_again(pillar):
    done = pillar.put(pillar.new_id(), b"once")
    check_exchange(pillar, done, COMPLETED)
    body = request(pillar.new_id(), b"once")
    conversation = pillar.conversation(body_of(body))
    conversation.id = done.request.header.conversation_id
    pillar.bus.open_inbox(conversation.id)
    again = conversation.exchange(done.request)
    check_equal(done.final.body, again.final.body, "the final of the repeat")
    other = conversation.message(types.REQUEST, body_of(body), pillar.id,
                                 message_id=done.request.header.message_id)
    check_code(conversation.exchange(other), types.CONFLICT)
    check_equal(None, pillar.stands(body.file_id), "what the second body names")


@case("PF-11", "a put is withdrawn")
def put_cancelled(pillar):
    content = body_of(request(pillar.new_id(), b"x" * 1000))
    conversation = pillar.conversation(content)

    def cancel(_):
        body = wire.envelope.Body(cancel=wire.envelope.Cancel(request_id=message.header.message_id))
        conversation.say(conversation.message(types.CANCEL, body, pillar.id))

    message = conversation.message(types.REQUEST, content, pillar.id)
    check_exchange(pillar, conversation.exchange(message, cancel), types.CANCELLED)
    check_equal(None, pillar.stands(content.put_file_request.file_id), "what is kept")


@case("PF-12", "a store that broke goes on with what is missing", KEEPS_BYTES)
def put_broken(pillar):
    data = bytes(range(256)) * 10000

    def store_twice(token):
        endpoint = data_session.read_token(token).endpoints[0]
        broken = data_session.DataSession(endpoint, pillar.bus.session)
        broken.store_part(token, data, 1_500_000)
        broken.abandon()
        with data_session.DataSession(endpoint, pillar.bus.session) as session:
            data_session.when_free(lambda: session.store(token, data))
            return session.sent_bytes

    done = pillar.ask(request(pillar.new_id(), data), store_twice)
    check_exchange(pillar, done, COMPLETED)
    check_equal(len(data) - 1_500_000, done.transfer, "bytes that moved in the second session")


@case("PF-13", "a request that comes after its time")
def put_expired(pillar):
    content = request(pillar.new_id(), b"late")
    now = wire.now_us()
    done = pillar.ask(content, pillar.storing(b"late"), issued_at_us=now - 2_000_000,
                      expires_at_us=now - 1_000_000)
    check_exchange(pillar, done, types.EXPIRED)
    check_equal(None, pillar.stands(content.file_id), "what is kept")


@case("PF-14", "ids that are none",
      note="`$HOME/x` and `~/x`, refused there, are plain ids here: no shell sees them")
def put_bad_ids(pillar):
    for file_id in BAD_IDS:
        check_code(pillar.identify(identify(file_id, b"x")), types.REQUEST_NOT_UNDERSTOOD_FAILURE)
        check_exchange(pillar, pillar.put(file_id, b"x"), types.REQUEST_NOT_UNDERSTOOD_FAILURE)


@case("PF-15", "ids that look strange and are good")
def put_strange_ids(pillar):
    for name in ("folder/file", "$HOME/x", "~/x", "a b#c?%2F&<>", "\u00e4\u4e2d\U0001f600", "...",
                 "-rf", "x" * (255 - len(pillar.new_id("")))):
        pillar.new_file(name.encode(), name=name)


@case("PF-16", "a file of no bytes", (FULL, NEARLINE, CHECKSUM))
def put_empty(pillar):
    file = pillar.new_file(b"")
    check_equal(0, file.info.size_bytes, "size_bytes")
