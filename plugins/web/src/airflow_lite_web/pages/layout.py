"""Where the nodes of a graph stand: layers from left to right, by the barycentre of neighbours.

Pure, in a fixed number of sweeps. An edge that skips layers has a bend in each, which takes part in
the ordering as a node does, so that no edge hides behind one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

WIDTH, HEIGHT = 172, 38
_GAP_X, _GAP_Y, _MARGIN = 54, 16, 8
_SWEEPS = 4


class Box(NamedTuple):
    """The upper left corner of a node, and its height: 0 for the bend of an edge."""

    x: int
    y: int
    height: int = HEIGHT

    @property
    def middle(self) -> int:
        """Where edges begin and end."""
        return self.y + self.height // 2


class Layout(NamedTuple):
    """Every node's place, each edge as the path of an SVG, and the size of all."""

    boxes: dict[str, Box]
    edges: list[tuple[str, str, str]]
    width: int
    height: int


def place(downstream: Mapping[str, Collection[str]]) -> Layout:
    """Return where the nodes of an acyclic graph stand; `downstream` has every node as a key."""
    layers = _layers(downstream)
    ways = _ways(downstream, layers)
    steps: dict[str, list[str]] = {name: [] for names in layers for name in names}
    back: dict[str, list[str]] = {name: [] for name in steps}
    for way in ways:
        for name, other in pairwise(way):
            steps[name].append(other)
            back[other].append(name)
    for sweep in range(_SWEEPS):
        is_forward = sweep % 2 == 0
        _sort(layers if is_forward else layers[::-1], back if is_forward else steps)
    boxes, height = _boxes(layers, downstream)
    edges = [(way[0], way[-1], _path([boxes[name] for name in way])) for way in ways]
    real = {name: box for name, box in boxes.items() if name in downstream}
    width = len(layers) * (WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN
    return Layout(real, edges, max(width, 0), height)


def _ways(downstream: Mapping[str, Collection[str]], layers: list[list[str]]) -> list[list[str]]:
    """Return each edge as the nodes that it passes; what skips layers gets a bend in each."""
    column = {name: at for at, names in enumerate(layers) for name in names}
    ways = []
    for name, others in downstream.items():
        for other in others:
            bends = [f"{name} > {other} > {at}" for at in range(column[name] + 1, column[other])]
            for at, bend in enumerate(bends, column[name] + 1):
                layers[at].append(bend)
            ways.append([name, *bends, other])
    return ways


def _boxes(
    layers: list[list[str]], downstream: Mapping[str, Collection[str]]
) -> tuple[dict[str, Box], int]:
    """Return the place of every node and bend, each layer in the middle, and the whole height."""

    def height_of(name: str) -> int:
        return HEIGHT if name in downstream else 0

    heights = [sum(height_of(name) + _GAP_Y for name in names) - _GAP_Y for names in layers]
    highest = max(heights, default=0)
    boxes = {}
    for column, names in enumerate(layers):
        y = _MARGIN + (highest - heights[column]) // 2
        for name in names:
            boxes[name] = Box(_MARGIN + column * (WIDTH + _GAP_X), y, height_of(name))
            y += height_of(name) + _GAP_Y
    return boxes, max(highest, 0) + 2 * _MARGIN


def _layers(downstream: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return the nodes by their longest way from a root."""
    waiting = dict.fromkeys(downstream, 0)
    for others in downstream.values():
        for other in others:
            waiting[other] += 1
    layers: list[list[str]] = []
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        layers.append(ready)
        following = []
        for name in ready:
            for other in downstream[name]:
                waiting[other] -= 1
                if waiting[other] == 0:
                    following.append(other)
        ready = following
    return layers


def _sort(layers: list[list[str]], neighbours: Mapping[str, Collection[str]]) -> None:
    """Order each layer by the mean place of its nodes' neighbours, which come before it."""
    places: dict[str, float] = {}
    for names in layers:
        middle = {
            name: _mean([places[other] for other in neighbours[name] if other in places], at)
            for at, name in enumerate(names)
        }
        names.sort(key=middle.__getitem__)
        shift = len(names) / 2
        places |= {name: at - shift for at, name in enumerate(names)}


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _path(boxes: list[Box]) -> str:
    """Return the path through these places: straight along a bend, curved between two layers."""
    parts = [f"M{boxes[0].x + WIDTH} {boxes[0].middle}"]
    for start, end in pairwise(boxes):
        x1, x2 = start.x + WIDTH, end.x - (5 if end.height else 0)
        bend = max((x2 - x1) // 2, 20)
        parts.append(f"C{x1 + bend} {start.middle} {x2 - bend} {end.middle} {x2} {end.middle}")
        if not end.height:
            parts.append(f"H{end.x + WIDTH}")
    return "".join(parts)
