# SPDX-License-Identifier: Apache-2.0
"""Loads of the bus: a coordinator with members that only talk, and clients that get a small file."""

import pathlib
import signal
import subprocess
import tempfile
import time
import tomllib

from measuring import Peaks, peak_mib, retire_tree
from peers import Talker

PILLAR, COLLECTION, REPOSITORY = "worker", "bench", "bench"
READY_WITHIN_S = 10


class BusPair:
    """A coordinator as it is deployed, and one member that answers as a pillar."""

    def __init__(self, programs, work):
        self.programs = programs
        self.asker_peaks = Peaks()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bus-", dir=work))
        config, place = self.dir / "coordinator.toml", self.dir / "endpoint.toml"
        config.write_text(f'repository = "{REPOSITORY}"\n[coordinator]\nlisten = "tcp://127.0.0.1:0"\n'
                          f'watch_listen = "tcp://127.0.0.1:0"\nruntime_file = "{place}"\n'
                          f'[collections.{COLLECTION}]\npillars = ["{PILLAR}"]\n')
        self.coordinator = subprocess.Popen([programs.coordinator, "--config", str(config)],
                                            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_WITHIN_S
        while not place.exists():
            if time.monotonic() > deadline:
                raise SystemExit("the coordinator does not start")
            time.sleep(0.02)
        self.endpoint = tomllib.loads(place.read_text())["bus"]
        self.worker = Talker(programs.bus_load, "worker", self.endpoint, REPOSITORY, PILLAR, COLLECTION)
        self.worker.hear()

    def ask(self, count, window, size):
        """Figures of COUNT requests of SIZE bytes, WINDOW of them under way at once."""
        figures = Talker(self.programs.bus_load, "ask", self.endpoint, REPOSITORY, PILLAR, str(count), str(window),
                         str(size)).figures()
        self.asker_peaks.note("asker", figures["peak_mib"])
        return figures

    def peaks(self):
        peaks = Peaks(self.asker_peaks)
        peaks.note("coordinator", peak_mib(self.coordinator.pid))
        peaks.note("worker", peak_mib(self.worker.process.pid))
        return peaks

    def close(self):
        self.worker.close()
        self.coordinator.send_signal(signal.SIGTERM)
        self.coordinator.wait(timeout=10)
        retire_tree(self.dir)


def getters(ours, file_id, count, clients):
    """Processes that each get a file `count` times once they are told to; all are connected and warm."""
    place = ours.settings()
    started = [Talker(ours.programs.small_gets, place["coordinator"], place["repository"], place["collection"],
                      file_id, str(count)) for _ in range(clients)]
    for getter in started:
        getter.hear()
    return started


def gets_in_one_process(ours, file_id, count):
    """Figures of COUNT gets, one at a time."""
    getter, = getters(ours, file_id, count, clients=1)
    getter.say("go")
    figures = getter.figures()
    ours.client_peaks.note("client", figures["peak_mib"])
    return figures


def gets_at_once(ours, file_id, count, clients):
    """Seconds in which so many clients get the file `count` times in all."""
    started = getters(ours, file_id, -(-count // clients), clients)
    begin = time.monotonic()
    for getter in started:
        getter.say("go")
    for getter in started:
        ours.client_peaks.note("client", getter.figures()["peak_mib"])
    return time.monotonic() - begin
