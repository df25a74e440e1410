# SPDX-License-Identifier: Apache-2.0
"""The messages of proto/, generated when this module is first imported, and the ids they carry."""

import atexit
import hashlib
import importlib
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]

VERSION = 1  # of the protocol that is spoken here
ENVELOPE_BYTES_MAX = 262144  # all frames
HEADER_BYTES_MAX = 4096
SECRET_BYTES_MAX = 4096


def _generate():
    """Runs protoc into a folder of its own, which ends with the process."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wire-client-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    names = sorted(f"proto/{path.name}" for path in (ROOT / "proto").glob("*.proto"))
    subprocess.run(["protoc", f"--proto_path={ROOT}", f"--python_out={folder}", *names], check=True)
    (folder / "proto" / "__init__.py").touch()  # else another package `proto` would be found first
    sys.path.insert(0, str(folder))
    return [importlib.import_module(f"proto.{pathlib.Path(name).stem}_pb2") for name in names]


channel, envelope, hub, operations, types = _generate()


def new_id():
    """A UUIDv7 (RFC 9562 5.7), 16 bytes."""
    value = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big"))
    value += secrets.token_bytes(10)
    value[6] = value[6] & 0x0F | 0x70
    value[8] = value[8] & 0x3F | 0x80
    return bytes(value)


def now_us():
    """The wall clock, in microseconds since 1970."""
    return time.time_ns() // 1000


def sha256(data):
    """The digest of `data`, as a message."""
    return types.Digest(algorithm=types.SHA256, value=hashlib.sha256(data).digest())


def code_name(code):
    """The name of a response code; of one that is not known, its number."""
    known = types.ResponseCode.values()
    return types.ResponseCode.Name(code) if code in known else str(code)
