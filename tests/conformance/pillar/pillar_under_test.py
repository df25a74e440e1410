# SPDX-License-Identifier: Apache-2.0
"""The pillar under test, as a case sees it: what can be asked of it, and files to ask about."""

import dataclasses
import re
import secrets

from case_list import Failed, check_equal
from wire_client import data_session
from wire_client import vocabulary as wire
from wire_client.conversation import Conversation

ops = wire.operations
types = wire.types
COMPLETED = types.OPERATION_COMPLETED
POSITIVE = types.IDENTIFICATION_POSITIVE


@dataclasses.dataclass(frozen=True)
class KeptFile:
    """A file that a case has put."""

    id: str
    data: bytes
    info: types.FileInfo  # as the final of the put told it
    collection: str

    @property
    def digest(self):
        return wire.sha256(self.data)


def body_of(content, **parts):
    """A body with this content; its place is found by its type."""
    body = wire.envelope.Body(**parts)
    for field in body.DESCRIPTOR.oneofs_by_name["content"].fields:
        if field.message_type.full_name == content.DESCRIPTOR.full_name:
            getattr(body, field.name).CopyFrom(content)
            getattr(body, field.name).SetInParent()
            return body
    raise ValueError(f"{content.DESCRIPTOR.name} is no content")


def operation_of(body):
    """The operation that a content belongs to, by its name."""
    word = re.sub("_(identify|request)$", "", body.WhichOneof("content"))
    return types.Operation.Value(word.upper())


class PillarUnderTest:
    """Asks one pillar, and remembers what was put there. Loop-confined."""

    def __init__(self, bus, pillar_id, kind, collection, second_collection, foreign_collection,
                 damage):
        self.bus = bus
        self.id = pillar_id
        self.kind = kind
        self.collection = collection
        self.second_collection = second_collection
        self.foreign_collection = foreign_collection
        self.damage = damage  # a command, or None
        self.prefix = f"acceptance-kit/{secrets.token_hex(6)}/"
        self._names = 0
        self._prepared = None

    # ---- messages

    def conversation(self, body, collection=None):
        """A new conversation for what the body asks."""
        return Conversation(self.bus, operation_of(body),
                            self.collection if collection is None else collection)

    def identify(self, content, collection=None, **header):
        """What the pillar, asked by name, answers to an identify."""
        body = body_of(content)
        conversation = self.conversation(body, collection)
        message = conversation.message(types.IDENTIFY, body, self.id, **header)
        return conversation.exchange(message).final

    def ask(self, content, transfer=None, page=None, reason="", collection=None, **header):
        """The exchange of one request."""
        body = body_of(content, page=page, reason=reason)
        return self.conversation(body, collection).ask(self.id, body, transfer, **header)

    def moving(self, action):
        """For `transfer`: does action(session, token) on the data channel."""
        return data_session.transfer(self.bus.session, action)

    # ---- the everyday requests

    def put(self, file_id, data, collection=None, checksums=None, **fields):
        """Puts; the exchange, whatever came of it. `fields` replace those of the request."""
        request = {"file_id": file_id, "size_bytes": len(data), "digest": wire.sha256(data),
                   "checksums": checksums, **fields}
        return self.ask(ops.PutFileRequest(**request), self.storing(data), collection=collection)

    def storing(self, data, claimed=None):
        """For `transfer`: stores these bytes."""
        return self.moving(lambda session, token: session.store(token, data, claimed))

    def get(self, file_id, offset=0, length=None, generation_id=b"", collection=None):
        """Gets a range; the bytes are the exchange's `transfer`."""
        request = ops.GetFileRequest(
            range=types.FileRange(file_id=file_id, offset=offset, length=length),
            generation_id=generation_id)
        return self.ask(request, self.moving(lambda session, token: session.fetch(token)),
                        collection=collection)

    def replace(self, file, data, **fields):
        """Replaces a file that was put; the exchange."""
        request = {"file_id": file.id, "size_bytes": len(data), "digest": wire.sha256(data),
                   "old_digest": file.digest, **fields}
        return self.ask(ops.ReplaceFileRequest(**request), self.storing(data),
                        collection=file.collection)

    def delete(self, file, **fields):
        """Deletes a file that was put, from all pillars that are asked; the exchange."""
        request = {"file_id": file.id, "digest": file.digest, "delete_everywhere": file.id,
                   **fields}
        return self.ask(ops.DeleteFileRequest(**request), collection=file.collection)

    def ids(self, files, collection=None, **page):
        """One page of GetFileIDs; the exchange."""
        return self.ask(ops.GetFileIdsRequest(files=files), page=types.PageSpec(**page),
                        collection=collection)

    # ---- files

    def new_id(self, name="file"):
        """A file id that nobody has."""
        self._names += 1
        return f"{self.prefix}{self._names:04}-{name}"

    def new_file(self, data=None, collection=None, name="file"):
        """A new file at the pillar; Failed when it cannot be put."""
        data = secrets.token_bytes(1000) if data is None else data
        exchange = self.put(self.new_id(name), data, collection)
        if exchange.code != COMPLETED:
            raise Failed(f"a file for this case cannot be put: {exchange.final}")
        return KeptFile(exchange.content.file.file_id, data, exchange.content.file,
                        self.collection if collection is None else collection)

    def three_files(self):
        """Three files of one prefix, put one after the other: the prefix, and the files."""
        if self._prepared is None:
            files = [self.new_file(data, name=f"listed/{number}")
                     for number, data in enumerate((b"one", b"two two", b"three three three"))]
            self._prepared = files
        return self._prepared

    def select(self, files):
        """The selection of these files by a list."""
        return types.FileSelection(list=types.FileList(file_ids=[file.id for file in files]))

    def stands(self, file_id, collection=None):
        """What the pillar says it holds under an id; None when nothing."""
        exchange = self.ids(types.FileSelection(file_id=file_id), collection)
        if exchange.code == types.FILE_NOT_FOUND_FAILURE:
            return None
        check_equal(COMPLETED, exchange.code, "the code of a list")
        return exchange.content.items[0]

    def clean_up(self):
        """Deletes everything that was put; how many files are left."""
        left = 0
        for collection in filter(None, (self.collection, self.second_collection)):
            files = types.FileSelection(prefix=self.prefix)
            cursor, more = b"", True
            while more:
                page = self.ids(files, collection, cursor=cursor)
                if page.code != COMPLETED:
                    break
                for item in page.content.items:
                    gone = self.ask(ops.DeleteFileRequest(
                        file_id=item.file_id, digest=item.digest, delete_everywhere=item.file_id),
                        collection=collection)
                    left += gone.code != COMPLETED
                cursor = page.content.page.next_cursor
                more = bool(cursor)
        return left
