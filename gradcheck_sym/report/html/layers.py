"""A graph laid out in layers from top to bottom, so that its edges cross little.

The method is that of Sugiyama, Tagawa and Toda (1981): every vertex goes one layer below its
lowest operand; edges over several layers get a place in each; layers are ordered, again and
again, by where the neighbours of each place stand on average.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import fmean
from typing import final

from gradcheck_sym.verdict.pictures import Graph, Vertex

_LETTER, _PADDING, _NARROWEST = 7.2, 22.0, 56.0  # of a box
_LINE, _GAP_ACROSS, _GAP_DOWN, _MARGIN = 17.0, 22.0, 34.0, 6.0
_THIN = 16.0  # the room of an edge that passes a layer
_SWEEPS = 8

Place = tuple[int, int]  # layer, and what is unique in it: a vertex, or an edge on its way


@final
@dataclass(frozen=True, slots=True)
class Box:
    """A vertex with its place: the middle of its top, and its size."""

    vertex: Vertex
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]

    @property
    def left(self) -> float:
        """Where it begins."""
        return round(self.x - self.width / 2, 1)


@final
@dataclass(frozen=True, slots=True)
class Line:
    """An edge as a path."""

    path: str
    flows: bool
    x: float  # the tip of its arrow
    y: float


@final
@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph laid out."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    description: str


def drawn(graph: Graph) -> Drawing:
    """The graph laid out."""
    texts = [_lines(vertex) for vertex in graph.vertices]
    widths = [max(_NARROWEST, _PADDING + _LETTER * max(map(len, lines))) for lines in texts]
    heights = [10 + _LINE * len(lines) for lines in texts]
    layers = _layers(graph)
    chains = [_chain(k, edge.source, edge.target, layers) for k, edge in enumerate(graph.edges)]
    near = _neighbours(chains)
    rows = _ordered(layers, chains, near)
    across = _across(rows, widths, near)
    tops, height = _down(rows, heights)
    boxes = tuple(
        Box(vertex, across[layers[k], k], tops[layers[k]], widths[k], heights[k], texts[k])
        for k, vertex in enumerate(graph.vertices)
    )
    lines = tuple(
        _line(
            boxes[edge.source], boxes[edge.target], _between(places, across, tops), edge.flows, at
        )
        for edge, places, at in zip(graph.edges, chains, _sides(graph), strict=True)
    )
    right = max((box.x + box.width / 2 for box in boxes), default=0.0)
    width = max([right, *across.values()])
    return Drawing(round(width + _MARGIN, 1), round(height, 1), boxes, lines, _described(graph))


def _lines(vertex: Vertex) -> tuple[str, ...]:
    """What stands in a box."""
    if vertex.leaf:
        found = [f"{vertex.name} = {vertex.value}" if vertex.value else vertex.name]
    else:
        found = [vertex.label]
        found += [f"{vertex.name} = {vertex.value}" if vertex.value else vertex.name]
    found += [f"grad {vertex.grad}"] if vertex.grad else []
    found += [f"backward: step {root}" for root in vertex.roots]
    return tuple(line for line in found if line)


# ---- which layer, in which order


def _layers(graph: Graph) -> list[int]:
    """The layer of each vertex; they are in an order in which operands come first."""
    found = [0] * len(graph.vertices)
    for edge in sorted(graph.edges, key=lambda edge: edge.target):
        found[edge.target] = max(found[edge.target], found[edge.source] + 1)
    return found


def _chain(number: int, source: int, target: int, layers: Sequence[int]) -> list[Place]:
    """The places of an edge, both ends included."""
    between = [(layer, -1 - number) for layer in range(layers[source] + 1, layers[target])]
    return [(layers[source], source), *between, (layers[target], target)]


def _neighbours(chains: Sequence[Sequence[Place]]) -> Mapping[Place, list[Place]]:
    near: Mapping[Place, list[Place]] = defaultdict(list)
    for places in chains:
        for above, below in pairwise(places):
            near[above].append(below)
            near[below].append(above)
    return near


def _ordered(
    layers: Sequence[int],
    chains: Sequence[Sequence[Place]],
    near: Mapping[Place, Sequence[Place]],
) -> list[list[Place]]:
    """The places of each layer from left to right."""
    rows: list[list[Place]] = [[] for _ in range(max(layers, default=-1) + 1)]
    vertices = [(layer, k) for k, layer in enumerate(layers)]
    for place in dict.fromkeys([*vertices, *chain.from_iterable(chains)]):
        rows[place[0]].append(place)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            _sort(row, near, rows, -1 if down else 1)
    return rows


def _sort(
    row: list[Place],
    near: Mapping[Place, Sequence[Place]],
    rows: Sequence[Sequence[Place]],
    side: int,
) -> None:
    at = {place: k for other in rows for k, place in enumerate(other)}

    def middle(place: Place) -> float:
        beside = [at[other] for other in near[place] if other[0] == place[0] + side]
        return fmean(beside) if beside else at[place]

    row.sort(key=middle)


# ---- where exactly


def _across(
    rows: Sequence[Sequence[Place]], widths: Sequence[float], near: Mapping[Place, Sequence[Place]]
) -> dict[Place, float]:
    """The middle of each place: as near to its neighbours as the others of its row allow."""
    half = {p: (widths[p[1]] if p[1] >= 0 else _THIN) / 2 for row in rows for p in row}
    found = {place: 0.0 for row in rows for place in row}
    for row in rows:
        _spread(row, [0.0] * len(row), half, found)
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            wanted = [fmean(found[other] for other in near[place] or [place]) for place in row]
            _spread(row, wanted, half, found)
    left = min((found[place] - half[place] for place in found), default=0.0) - _MARGIN
    return {place: round(x - left, 1) for place, x in found.items()}


def _spread(
    row: Sequence[Place],
    wanted: Sequence[float],
    half: Mapping[Place, float],
    found: dict[Place, float],
) -> None:
    """The places of a row next to where they are wanted, in order and apart: least squares.

    Without the room that each takes, that is a monotone regression: neighbours that want to be
    in each other's place are put together in the middle.
    """
    room = [0.0]
    for before, after in pairwise(row):
        room.append(room[-1] + half[before] + half[after] + _GAP_ACROSS)
    blocks: list[list[float]] = []
    for want, taken in zip(wanted, room, strict=True):
        blocks.append([want - taken])
        while len(blocks) > 1 and fmean(blocks[-2]) >= fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    middles = [fmean(block) for block in blocks for _ in block]
    found.update(
        (place, middle + taken) for place, middle, taken in zip(row, middles, room, strict=True)
    )


def _down(rows: Sequence[Sequence[Place]], heights: Sequence[float]) -> tuple[list[float], float]:
    """The top of each layer, and the height of all."""
    tops, y = [], _MARGIN
    for row in rows:
        tops.append(y)
        y += max((heights[k] for _, k in row if k >= 0), default=0.0) + _GAP_DOWN
    return tops, y - _GAP_DOWN + _MARGIN if rows else 2 * _MARGIN


def _sides(graph: Graph) -> list[int]:
    """Which of several edges between the same two vertices each is: x*x has two."""
    seen: dict[tuple[int, int], int] = defaultdict(int)
    found = []
    for edge in graph.edges:
        found.append(seen[edge.source, edge.target])
        seen[edge.source, edge.target] += 1
    return found


def _between(
    places: Sequence[Place], across: Mapping[Place, float], tops: Sequence[float]
) -> list[tuple[float, float]]:
    """Where an edge goes through the layers that it passes."""
    return [(across[place], tops[place[0]] + _LINE) for place in places[1:-1]]


def _line(
    source: Box, target: Box, between: Sequence[tuple[float, float]], flows: bool, side: int
) -> Line:
    """A curve from the bottom of a box to the top of another."""
    shift = 14.0 * side
    start = (source.x + shift, source.y + source.height)
    end = (target.x + shift, target.y)
    stops = [start, *between, (end[0], end[1] - 8)]  # where the arrow's head begins
    path = f"M{start[0]:.1f} {start[1]:.1f}"
    for (x, y), (u, v) in pairwise(stops):
        bend = (y + v) / 2
        path += f"C{x:.1f} {bend:.1f} {u:.1f} {bend:.1f} {u:.1f} {v:.1f}"
    return Line(path, flows, *end)


def _described(graph: Graph) -> str:
    """The graph in words: every operation with its operands."""
    told = []
    for k, vertex in enumerate(graph.vertices):
        operands = [_called(graph.vertices[e.source]) for e in graph.edges if e.target == k]
        made = f" of {', '.join(operands)}" if operands else ""
        tracked = "" if vertex.tracked else ", without a gradient"
        told.append(f"{' '.join(_lines(vertex))}{made}{tracked}")
    return "; ".join(told) + "."


def _called(vertex: Vertex) -> str:
    return vertex.name or vertex.label
