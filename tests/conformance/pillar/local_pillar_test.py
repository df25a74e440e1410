#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The acceptance kit against a pillar of ours, started for it.

    local_pillar_test.py BITREPO_PILLAR BITREPO_COORDINATOR KIND [FLAG OF THE KIT...]
"""

import contextlib
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
READY_SECONDS = 30
PILLAR = "subject"
KIND_SETTINGS = {"full": ""}


@contextlib.contextmanager
def daemon(program, settings, text):
    """A daemon with these settings, until the end; its runtime file, read."""
    run = settings.with_suffix(".run")
    settings.write_text(text.format(run=run))
    with open(settings.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen([program, "--config", settings], stderr=log)
    try:
        end = time.monotonic() + READY_SECONDS
        while not run.exists():
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(settings.with_suffix(".log").read_text())
            time.sleep(0.01)
        yield tomllib.loads(run.read_text())
    finally:
        process.terminate()
        process.wait(30)


def main(pillar, coordinator, kind, *flags):
    with tempfile.TemporaryDirectory(prefix="acceptance-kit-") as folder, contextlib.ExitStack() as up:
        folder = pathlib.Path(folder)
        bus = up.enter_context(daemon(coordinator, folder / "coordinator.toml", f"""
repository = "kit"
[coordinator]
listen = "tcp://127.0.0.1:0"
watch_listen = "tcp://127.0.0.1:0"
runtime_file = "{{run}}"
[collections.first]
pillars = ["{PILLAR}"]
[collections.second]
pillars = ["{PILLAR}"]
[collections.foreign]
pillars = ["another"]
"""))["bus"]
        (folder / "store").mkdir()
        up.enter_context(daemon(pillar, folder / "pillar.toml", f"""
repository = "kit"
[pillar]
id = "{PILLAR}"
coordinator = "{bus}"
data_listen = "tcp://127.0.0.1:0"
runtime_file = "{{run}}"
{KIND_SETTINGS[kind]}
[store]
directory = "{folder / "store"}"
keep_free = "1MiB"
[collections.first]
[collections.second]
"""))
        return subprocess.run(
            [sys.executable, HERE / "acceptance_kit.py", "--bus", bus, "--repository", "kit",
             "--pillar", PILLAR, "--kind", kind, "--collection", "first",
             "--second-collection", "second", "--foreign-collection", "foreign",
             "--damage", shlex.join([str(HERE / "damage_local.py"), str(folder / "store")]),
             *flags],
            check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
