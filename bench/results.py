# SPDX-License-Identifier: Apache-2.0
"""What was measured: kept on disk row by row, printed, and written into RESULTS.md."""

import dataclasses
import datetime
import json
import statistics

from measuring import Paired, machine, spread


@dataclasses.dataclass
class Row:
    """One comparison. `ours` and `theirs` are the figures of each run, in `unit`."""

    name: str
    work: str
    our_command: str
    their_command: str
    unit: str = "s"
    ours: list = dataclasses.field(default_factory=list)
    theirs: list = dataclasses.field(default_factory=list)
    goal: float | None = None  # of the ratio; of the figure itself where there is nothing to compare with
    more_is_better: bool = False
    memory: str = ""  # VmHWM of each process, MiB
    note: str = ""
    date: str = ""
    small: bool = False  # of a smoke run: says nothing about speed

    def paired(self, both):
        self.ours, self.theirs = both.ours, both.theirs
        return self

    def ratios(self):
        return Paired(self.ours, self.theirs).ratios()

    def judged(self):
        return self.ratios() if self.theirs else self.ours

    def met(self):
        if self.goal is None:
            return ""
        figure = statistics.median(self.judged())
        return "yes" if (figure >= self.goal if self.more_is_better else figure <= self.goal) else "no"

    def digits(self):
        return 2 if max(self.ours) < 1000 else 0

    def text(self):
        unit = f" {self.unit}"
        lines = [f"{self.name} {self.work}", f"  ours   {spread(self.ours, unit, self.digits())}"]
        if self.theirs:
            lines.append(f"  theirs {spread(self.theirs, unit, self.digits())}")
            lines.append(f"  ratio  {spread(self.ratios())}")
        if self.goal is not None:
            lines[-1] += f", goal {self.goal_text()}: {self.met()}"
        if self.note:
            lines.append(f"  {self.note}")
        lines.append(f"  VmHWM in MiB: {self.memory}")
        return "\n".join(lines)

    def goal_text(self):
        if self.goal is None:
            return ""
        unit = "" if self.theirs else f" {self.unit}"
        return f"{'>=' if self.more_is_better else '<='} {self.goal:g}{unit}"

    def table_line(self):
        unit = f" {self.unit}"
        cells = [f"**{self.name}** {self.work}", spread(self.ours, unit, self.digits()),
                 spread(self.theirs, unit, self.digits()) if self.theirs else "",
                 spread(self.ratios()) if self.theirs else "", self.goal_text(), self.met()]
        return f"| {' | '.join(cells)} |"


@dataclasses.dataclass
class Curve:
    """How cost grows: seconds (or microseconds) over the size of the work."""

    name: str
    what: str  # of one unit of work
    unit: str
    ours: list = dataclasses.field(default_factory=list)  # (work, figure)
    theirs: list = dataclasses.field(default_factory=list)
    our_label: str = ""
    their_label: str = ""
    memory: str = ""
    date: str = ""
    small: bool = False


class Results:
    """All rows and curves of one build, the last of each; each is on disk as soon as it is there."""

    def __init__(self, path):
        self.path = path
        self.rows, self.curves = {}, {}
        self.done = []  # what was asked for by these names is all there
        if path.exists():
            kept = json.loads(path.read_text())
            self.rows = {name: Row(**row) for name, row in kept["rows"].items()}
            self.curves = {name: Curve(**curve) for name, curve in kept["curves"].items()}
            self.done = kept["done"]

    def add(self, name, things):
        for thing in things:
            thing.date = datetime.date.today().isoformat()
            (self.rows if isinstance(thing, Row) else self.curves)[thing.name] = thing
        self.done = [*(done for done in self.done if done != name), name]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"rows": {n: dataclasses.asdict(r) for n, r in self.rows.items()},
                                    "curves": {n: dataclasses.asdict(c) for n, c in self.curves.items()},
                                    "done": self.done}, indent=1))
        part.replace(self.path)

    def write_into(self, page):
        """Replaces what stands between the marks of the page."""
        text = page.read_text()
        for mark, body in (("table", self.table()), ("how", self.how()), ("growth", self.growth())):
            begin, end = f"<!-- generated: {mark} -->\n", f"<!-- end of {mark} -->"
            before, rest = text.split(begin)
            text = before + begin + body + end + rest.split(end)[1]
        page.write_text(text)

    def ordered(self):
        return sorted(self.rows.values(), key=lambda row: int(row.name.lstrip("S")))

    def table(self):
        dates = sorted({thing.date for thing in [*self.rows.values(), *self.curves.values()]})
        pairs = sorted({len(row.ours) for row in self.rows.values()})
        lines = [f"{' to '.join(dict.fromkeys([dates[0], dates[-1]]))}; {machine()}; "
                 f"{' to '.join(map(str, dict.fromkeys([pairs[0], pairs[-1]])))} runs of each side.", "",
                 "| work | ours | theirs | ours / theirs | goal | met |", "|---|---|---|---|---|---|"]
        return "\n".join(lines + [row.table_line() for row in self.ordered()]) + "\n"

    def how(self):
        lines = []
        for row in self.ordered():
            lines.append(f"- **{row.name}** ours: {row.our_command}")
            if row.their_command:
                lines.append(f"  theirs: {row.their_command}")
            if row.note:
                lines.append(f"  {row.note}.")
            lines.append(f"  VmHWM in MiB: {row.memory}.")
        return "\n".join(lines) + "\n"

    def growth(self):
        from growth import summary  # growth makes curves, which are defined here

        lines = ["| series | ours | theirs |", "|---|---|---|"]
        return "\n".join(lines + [summary(curve) for curve in self.curves.values()]) + "\n"
