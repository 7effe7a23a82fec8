"""Errors over an input as a picture: places of points, of the bound, of kinks and domain ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import final

from gradcheck_sym.report.html.scales import Scale, Tick, of_errors, of_inputs
from gradcheck_sym.report.numbers import counted, leaves, rough
from gradcheck_sym.spec.records import Domain
from gradcheck_sym.verdict.pictures import Outline, Portrait
from gradcheck_sym.verdict.records import Case, Result

WIDTH, HEIGHT = 400.0, 230.0
LEFT, RIGHT, TOP, BOTTOM = 42.0, 392.0, 22.0, 190.0  # of the field
_BEYOND = 12.0  # above the field's top: the row of what is no number
_MOST_KINKS = 12  # that are marked
_NAME_HEIGHT = 12.0
_ASIDE = 9  # outside the field, where nothing is seen
_DOT, _BLOCK = "h0", "h.01"  # printed, square strokes without any length are left out
_FURTHER = 1000.0  # times the usual bound is not worth the room


Place = tuple[int, int]


@final
@dataclass(frozen=True, slots=True)
class Mark:
    """Something at one place along an axis."""

    at: float
    label: str


@final
@dataclass(frozen=True, slots=True)
class Spot:
    """A point with a name."""

    x: float
    y: float
    label: str

    @property
    def anchor(self) -> str:
        """To which side of the label the point lies: the label stays in the picture."""
        return "end" if self.x > (LEFT + RIGHT) / 2 else "start"

    @property
    def label_x(self) -> float:
        """Where the label begins or ends."""
        return self.x - 11 if self.anchor == "end" else self.x + 11


@final
@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of the errors of one result, in units of its own."""

    within: str  # path of the points within what is allowed
    beyond: str  # path of those beyond
    curve: str  # path along what is allowed and around what is not, where that is a curve
    bounds: str  # path of what is allowed at single points
    inputs: tuple[Tick, ...]
    errors: tuple[Tick, ...]
    kinks: tuple[Mark, ...]
    ends: tuple[Mark, ...]
    spots: tuple[Spot, ...]  # the failing points
    axis: str  # what the inputs are
    infinite: bool  # whether something is beyond every scale
    description: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM


def plot_of(result: Result, portrait: Portrait) -> Plot | None:
    """The picture of a result's errors; None where it has none to show."""
    outline = result.outline
    if outline is None or not outline.points:
        return None
    spots = [(title, *place) for title, case in _cases(result) if (place := _place(case, outline))]
    given = [value for value, _, _ in outline.points] + [value for _, value, _ in spots]
    domain = portrait.domains.get(outline.input)
    across = of_inputs([*given, *_near_ends(domain, given)], LEFT, RIGHT)
    up = of_errors(_top(outline, [error for _, _, error in spots]), BOTTOM, TOP)
    kinks = portrait.kinks.get(outline.input, ())
    seen = [kink for kink in kinks if across.low <= kink <= across.high]
    return Plot(
        within=_dots(_places(outline, across, up, beyond=False), _DOT),
        beyond=_dots(_places(outline, across, up, beyond=True), _BLOCK),
        curve=_curve(outline, across, up) if outline.alone else "",
        bounds="" if outline.alone else _bounds(outline, across, up),
        inputs=across.ticks,
        errors=up.ticks,
        kinks=tuple(Mark(round(across(kink), 1), f"{kink:g}") for kink in seen[:_MOST_KINKS]),
        ends=tuple(_ends(domain, across)),
        spots=tuple(
            _apart(
                [
                    Spot(round(across(value), 1), round(_height(error, up), 1), title)
                    for title, value, error in spots
                ]
            )
        ),
        axis=outline.input or "largest magnitude of the inputs",
        infinite=any(not math.isfinite(error) for _, error, _ in outline.points),
        description=_described(outline, spots, seen),
    )


# ---- points


def _height(error: float, up: Scale) -> float:
    return up(error) if math.isfinite(error) else TOP - _BEYOND


def _places(outline: Outline, across: Scale, up: Scale, *, beyond: bool) -> list[Place]:
    """Where the points are that lie within what is allowed, or those beyond; each place once."""
    chosen = [
        (round(across(value)), round(_height(error, up)))
        for value, error, allowed in outline.points
        if (error > allowed) == beyond
    ]
    return list(dict.fromkeys(chosen))


def _dots(places: Sequence[Place], dot: str) -> str:
    """A path with a dot at each place."""
    return "".join(f"M{x} {y}{dot}" for x, y in places)


def _curve(outline: Outline, across: Scale, up: Scale) -> str:
    """A line along what is allowed, and around all that is above; what is too high is at the top.

    It goes on to both sides and closes where it is not seen.
    """
    places = [
        (round(across(value)), round(up(allowed) if math.isfinite(allowed) else TOP))
        for value, _, allowed in outline.points
        if not math.isnan(allowed)
    ]
    if not places:
        return ""
    x, y = places[0]
    steps = (f"l{u - p} {v - q}" for (p, q), (u, v) in pairwise(places) if (p, q) != (u, v))
    left, right, above = round(LEFT) - _ASIDE, round(RIGHT) + _ASIDE, round(TOP) - _ASIDE
    return f"M{left} {y}H{x}{''.join(steps)}H{right}V{above}H{left}Z"


def _bounds(outline: Outline, across: Scale, up: Scale) -> str:
    """A short stroke at what is allowed for each point."""
    places = [
        (round(across(value)) - 2, round(up(allowed)))
        for value, _, allowed in outline.points
        if math.isfinite(allowed) and allowed <= up.high
    ]
    return _dots(list(dict.fromkeys(places)), "h4")


def _top(outline: Outline, spots: Sequence[float]) -> float:
    """The largest number of ulps shown.

    Bounds far beyond the usual one, and errors within such, stay at the edge: where the truth is
    0, its ulps are tiny.
    """
    bounds = sorted(allowed for _, _, allowed in outline.points if math.isfinite(allowed))
    usual = _FURTHER * bounds[len(bounds) // 2] if bounds else 0.0
    errors = [error for _, error, allowed in outline.points if error > allowed or error <= usual]
    shown = [*errors, *spots, *(allowed for allowed in bounds if allowed <= usual)]
    return max([1.0, *(each for each in shown if math.isfinite(each))])


# ---- what is marked


def _cases(result: Result) -> Iterator[tuple[str, Case]]:
    """The failing points."""
    if result.outcome == "passed":
        return
    same = result.smallest == result.worst
    for title, case in (("smallest", result.smallest), ("worst", result.worst)):
        if case is not None and not (same and title == "worst"):
            yield title, case


def _place(case: Case, outline: Outline) -> tuple[float, float] | None:
    """What went in at a point, and the error there; None where the outline has no place for it."""
    if not outline.input:
        numbers = [abs(x) for value in case.point.values() for x in leaves(value)]
        return (max(numbers), case.error_ulp) if numbers else None
    if outline.input not in case.point:
        return None
    value: object = case.point[outline.input]
    for place in case.index:
        if isinstance(value, tuple | list) and place < len(value):
            value = value[place]
    numbers = list(leaves(value))
    return (numbers[0], case.error_ulp) if len(numbers) == 1 else None


def _apart(spots: Sequence[Spot]) -> Iterator[Spot]:
    """Points with names that do not cover each other: of neighbours only the first has one."""
    named: list[Spot] = []
    for spot in spots:
        near = [k for k, other in enumerate(named) if abs(other.y - spot.y) < _NAME_HEIGHT]
        if near:
            first = named[near[0]]
            named[near[0]] = replace(first, label=f"{first.label}, {spot.label}")
            spot = replace(spot, label="")
        named.append(spot)
    yield from named


def _near_ends(domain: Domain | None, given: Sequence[float]) -> Iterator[float]:
    """The ends of a domain, but for those far beyond all that went in."""
    furthest = 2 * max(map(abs, given))
    for piece in () if domain is None else domain.intervals:
        yield from (end for end in (piece.low, piece.high) if abs(end) <= furthest)


def _ends(domain: Domain | None, across: Scale) -> Iterator[Mark]:
    for piece in () if domain is None else domain.intervals:
        for end in dict.fromkeys((piece.low, piece.high)):
            if across.low <= end <= across.high:
                yield Mark(round(across(end), 1), f"{end:g}")


def _described(
    outline: Outline, spots: Sequence[tuple[str, float, float]], kinks: Sequence[float]
) -> str:
    """What the picture shows, in words."""
    value, error, allowed = max(outline.points, key=lambda point: point[1])
    beyond = sum(error > allowed for _, error, allowed in outline.points)
    at = f"{outline.input or 'largest input'} = {value:.6g}"
    facts = [
        f"The largest errors among {counted(outline.numbers, 'number')}",
        f"the largest of all is {rough(error)} ulp, at {at}, where {rough(allowed)} are allowed",
        f"{counted(beyond, 'point')} shown beyond what is allowed" if beyond else "none beyond",
    ]
    facts += [f"{title} failing point: {rough(e)} ulp at {v:.6g}" for title, v, e in spots]
    if kinks:
        facts.append(f"kinks or branches at {', '.join(f'{k:g}' for k in kinks[:_MOST_KINKS])}")
    return "; ".join(facts) + "."
