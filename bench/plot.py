# SPDX-License-Identifier: Apache-2.0
"""Draws the growth series as one SVG, by itself: a panel for each curve, both axes logarithmic."""

import math
from xml.sax.saxutils import escape

from measuring import exponent

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT = 330, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 48, 40  # of the frame in its panel

# Greys and two hues that can be told apart on white and on black, also by those who see no red.
STYLE = """
text { font: 11px sans-serif; fill: #808080; }
.title { font-weight: bold; font-size: 12px; }
.grid { stroke: #808080; stroke-opacity: 0.25; }
.frame { stroke: #808080; fill: none; }
.ours { stroke: #d97706; fill: #d97706; }
.theirs { stroke: #2b8cc4; fill: #2b8cc4; }
polyline.ours, polyline.theirs { fill: none; stroke-width: 2; }
.theirs-line { stroke-dasharray: 5 4; }
text.ours, text.theirs { stroke: none; }
"""


def short(number):
    """1000 -> 1k; at most three digits that say something."""
    for factor, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= factor:
            return f"{number / factor:.3g}{letter}"
    return f"{number:.3g}"


class Axis:
    """Puts values on a logarithmic scale between two places."""

    def __init__(self, values, begin, end, room):
        low, high = math.log10(min(values)), math.log10(max(values))
        spare = max((high - low) * room, 0.05)
        self.low, self.high, self.begin, self.end = low - spare, high + spare, begin, end

    def at(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self):
        """1, 2 and 5 of each decade that the axis has; only the decades where these are many."""
        for steps in ((1, 2, 5), (1,)):
            found = [step * 10**decade for decade in range(math.floor(self.low), math.ceil(self.high) + 1)
                     for step in steps if self.low <= math.log10(step * 10**decade) <= self.high]
            if len(found) <= 6:
                break
        return found


class Panel:
    def __init__(self, curve, column, row):
        self.curve = curve
        self.left, self.top = column * PANEL_WIDTH + LEFT, row * PANEL_HEIGHT + TOP
        self.right, self.bottom = (column + 1) * PANEL_WIDTH - RIGHT, (row + 1) * PANEL_HEIGHT - BOTTOM
        points = [*curve.ours, *curve.theirs]
        self.x = Axis([work for work, _ in points], self.left, self.right, room=0.06)
        self.y = Axis([figure for _, figure in points], self.bottom, self.top, room=0.1)

    def draw(self):
        yield f'<text class="title" x="{self.left}" y="{self.top - 32}">{escape(self.curve.name)}</text>'
        yield f'<rect class="frame" x="{self.left}" y="{self.top}" width="{self.right - self.left}" ' \
              f'height="{self.bottom - self.top}"/>'
        for tick in self.y.ticks():
            y = self.y.at(tick)
            yield f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{short(tick)} {self.curve.unit}</text>'
        for work, _ in self.curve.ours:
            x = self.x.at(work)
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{self.top}" y2="{self.bottom}"/>'
            yield f'<text x="{x:.1f}" y="{self.bottom + 14}" text-anchor="middle">{short(work)}</text>'
        yield f'<text x="{(self.left + self.right) / 2}" y="{self.bottom + 29}" text-anchor="middle">' \
              f'{escape(self.curve.what)}</text>'
        yield from self.line("ours", self.curve.our_label, self.curve.ours, self.left)
        if self.curve.theirs:
            yield from self.line("theirs", self.curve.their_label, self.curve.theirs, (self.left + self.right) / 2)

    def line(self, side, label, points, label_x):
        places = [(self.x.at(work), self.y.at(figure)) for work, figure in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline class="{side} {side}-line" points="{path}"/>'
        for x, y in places:
            yield f'<circle class="{side}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        yield f'<text class="{side}" x="{label_x}" y="{self.top - 16}">{escape(label)}</text>'
        yield f'<text class="{side}" x="{label_x}" y="{self.top - 4}">exponent {exponent(points):.2f}</text>'


def draw(curves):
    """The text of the file."""
    panels = [Panel(curve, i % COLUMNS, i // COLUMNS) for i, curve in enumerate(curves)]
    width = COLUMNS * PANEL_WIDTH
    height = -(-len(curves) // COLUMNS) * PANEL_HEIGHT
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}">', "<title>How the cost of bitrepo grows</title>", f"<style>{STYLE}</style>"]
    for panel in panels:
        lines += panel.draw()
    return "\n".join([*lines, "</svg>"]) + "\n"
