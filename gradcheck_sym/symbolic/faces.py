"""One block at a point that is not regular: what its gradient tends to along which lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import zip_longest
from typing import final

import numpy as np

from gradcheck_sym.symbolic import directions
from gradcheck_sym.symbolic.blocks import Block
from gradcheck_sym.symbolic.contained import Slopes
from gradcheck_sym.symbolic.limits import UNIT, Approach, Direction, Limit, Line, Way

_BLUR = 2.0**-40  # what inner products in float64 may be off by, and much more
_MOST_LINES = 400  # looked at for one block; beyond, it stays open whether a claim is outside


@final
@dataclass(slots=True)
class Face:
    """The limits of one block's gradient that are known so far."""

    approach: Approach
    block: Block
    names: tuple[str, ...]  # of its elements
    regular: bool  # nothing special about it; its one limit is the gradient itself
    exists: bool  # its values are numbers at the point
    lines: dict[Direction, Line] = field(default_factory=dict)
    limits: dict[tuple[tuple[int, Fraction], ...], tuple[Slopes, Direction]] = field(
        default_factory=dict
    )  # each limit once, with the direction that it was found along

    @property
    def size(self) -> int:
        """How many elements move."""
        return len(self.block.columns)

    @property
    def points(self) -> list[Slopes]:
        """The limits, in the order in which they were found."""
        return [slopes for slopes, _ in self.limits.values()]

    @property
    def jumps(self) -> bool:
        """Whether the values at the point are not those next to it."""
        return not (self.exists and all(line.continuous for line in self.lines.values()))

    @property
    def open(self) -> bool:
        """Whether there is a line along which nothing could be found out."""
        lines = self.lines.values()
        return len(lines) >= _MOST_LINES or any(line.way is Way.OPEN for line in lines)

    def curved_one_way(self) -> bool:
        """Whether each limit reaches farthest of all along its own line, as if it were convex.

        Or least far, as if it were concave. Then the lines miss nothing that they point towards.
        """
        finite = [
            ([slope.value for slope in slopes], [step / UNIT for step in direction])
            for slopes, direction in self.limits.values()
            if not any(slope.infinite for slope in slopes)
        ]
        if not finite:
            return True
        limits, along = (np.array(part) for part in zip(*finite, strict=True))
        with np.errstate(over="ignore", invalid="ignore"):
            reach = along @ limits.T
            gaps = np.diag(reach)[:, None] - reach
            slack = _BLUR * (np.abs(along) @ np.abs(limits).T)
            slack = slack + np.diag(slack)[:, None]
        farthest, least = (gaps >= -slack).all(), (gaps <= slack).all()
        return bool(farthest or least)

    def look(self, wanted: Sequence[Direction]) -> bool:
        """Approaches along more directions; whether any gave a limit that is new."""
        before = len(self.limits)
        for direction in wanted:
            explore([self], [[direction]])
        return len(self.limits) > before

    def note(self, direction: Direction, line: Line) -> None:
        """Takes down what happens along a direction."""
        self.lines[direction] = line
        if line.way is Way.LIMIT:
            key = tuple((slope.infinite, slope.middle) for slope in line.slopes)
            self.limits.setdefault(key, (line.slopes, direction))

    def along(self, direction: Direction) -> Line:
        """What happens along a direction, or next to it if that stays within a kink."""
        self.look([direction])
        line = self.lines[direction]
        return self.lines[directions.tilted(direction)] if self.retried(direction) else line

    def retried(self, direction: Direction) -> bool:
        """Whether a line stays within a kink, so that one next to it was looked at, too."""
        return self.size > 1 and self.lines[direction].way is Way.STUCK

    def side(self, place: int, sign: int) -> Limit | None:
        """What the slope of one element tends to from its own left or right side, if it does."""
        if self.regular:
            return self.points[0][place]
        line = self.along(directions.unit(self.size, place, sign))
        return line.slopes[place] if line.way is Way.LIMIT else None

    def along_words(self, direction: Direction) -> str:
        """A direction for people."""
        return directions.worded(direction, self.names)


def explore(faces: Sequence[Face], wanted: Sequence[Sequence[Direction]]) -> None:
    """Approaches along the directions that are wanted of each face, all faces at once.

    A line that stays within a kink is tilted a little, and looked at once more.
    """
    for together in zip_longest(*wanted):
        moves = [
            (face, direction)
            for face, direction in zip(faces, together, strict=True)
            if direction is not None and _is_new(face, direction)
        ]
        _approach(moves)
        _approach(
            [
                (face, directions.tilted(direction))
                for face, direction in moves
                if face.retried(direction)
            ]
        )


def _is_new(face: Face, direction: Direction) -> bool:
    return any(direction) and direction not in face.lines and len(face.lines) < _MOST_LINES


def _approach(moves: Sequence[tuple[Face, Direction]]) -> None:
    """One line for all faces: each moves its own elements."""
    if not moves:
        return
    approach = moves[0][0].approach
    whole = [0] * len(approach.moving)
    for face, direction in moves:
        for column, step in zip(face.block.columns, direction, strict=True):
            whole[column] = step
    lines = approach.lines(tuple(whole), [face.block for face, _ in moves])
    for (face, direction), line in zip(moves, lines, strict=True):
        face.note(direction, line)


def faces(approach: Approach, found: Sequence[Block]) -> list[Face]:
    """The faces of all blocks, approached along the directions to begin with."""
    made = list(_begun(approach, found))
    special = [face for face in made if not face.regular]
    explore(special, [list(directions.first(face.size)) for face in special])
    return made


def _begun(approach: Approach, found: Sequence[Block]) -> Iterator[Face]:
    """The faces with what the point itself says: the gradient, where it is regular."""
    still = (0,) * len(approach.moving)
    for block, slopes in zip(found, approach.here(found), strict=True):
        names = tuple(approach.program.inputs[approach.moving[k]] for k in block.columns)
        face = Face(approach, block, names, slopes is not None, approach.exists(block))
        if slopes is not None:
            face.note(still[: len(block.columns)], Line(Way.LIMIT, slopes))
        yield face
