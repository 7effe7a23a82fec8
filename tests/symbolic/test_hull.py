"""Exact hulls: the element next to the origin, and what is inside, outside or too close to tell."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest

from gradcheck_sym.symbolic.contained import Claim, Outcome, contained
from gradcheck_sym.symbolic.hull import dot, nearest, solve
from gradcheck_sym.symbolic.limits import Limit

LARGEST = 1e300


def vector(*numbers: float) -> tuple[Fraction, ...]:
    """An exact vector."""
    return tuple(map(Fraction, numbers))


def slope(number: float, error: float = 0.0) -> Limit:
    """A limit, finite or infinite."""
    if math.isinf(number):
        return Limit(Fraction(0), Fraction(0), 1 if number > 0 else -1)
    return Limit(Fraction(number), Fraction(error))


def outcome(points: list[tuple[float, ...]], claim: list[float], allowed: float = 0.01) -> Outcome:
    """Where a claim lies next to the hull of points."""
    bounds = (Fraction(allowed),) * len(claim)
    held = Claim(tuple(claim), bounds, LARGEST)
    return contained([tuple(map(slope, point)) for point in points], held).outcome


def test_a_system_of_equations_is_solved_exactly() -> None:
    """Though the first pivot is 0."""
    assert solve([[0, 2], [3, 1]], [4, 3]) == [2, 12]  # times 6


@pytest.mark.parametrize(
    "points, rays, element",
    [
        ([(3, 4)], [], (3, 4)),
        ([(1, 1), (-1, 1)], [], (0, 1)),
        ([(1, 1), (-1, 1), (0, -3)], [], (0, 0)),
        ([(2, 0), (0, 2)], [], (1, 1)),
        ([(2, 0), (4, 1), (4, -1)], [], (2, 0)),
        ([(-3, 2)], [(1, 0)], (0, 2)),
        ([(-3, 2)], [(1, -1)], (-0.5, -0.5)),
        ([(3, 2)], [(1, 0)], (3, 2)),
        ([(-1, -1)], [(1, 0), (0, 1)], (0, 0)),
    ],
)
def test_the_element_next_to_the_origin(
    points: list[tuple[int, int]], rays: list[tuple[int, int]], element: tuple[float, float]
) -> None:
    """A corner, an edge, the inside, or along a ray."""
    found = nearest([vector(*p) for p in points], [vector(*r) for r in rays])
    assert found.point == vector(*element)


@pytest.mark.parametrize("seed", range(30))
def test_no_element_is_nearer_than_the_nearest(seed: int) -> None:
    """It is a mean of the points, and the plane through it has all of them on its far side."""
    draw = random.Random(seed)
    size, count, cone = draw.randint(1, 6), draw.randint(1, 25), draw.randint(0, 2)
    shift = draw.choice([0, 0, 3])
    points = [vector(*(draw.randint(-9, 9) + shift for _ in range(size))) for _ in range(count)]
    rays = [vector(*(draw.randint(-2, 2) for _ in range(size))) for _ in range(cone)]
    found = nearest(points, rays)
    level = dot(found.point, found.point)
    assert all(dot(found.point, point) >= level for point in points)
    assert all(dot(found.point, ray) >= 0 for ray in rays)
    assert sum(found.weights.values()) == 1
    assert all(weight > 0 for weight in found.weights.values())
    if not rays:
        mean = [
            dot(list(found.weights.values()), [points[k][i] for k in found.weights])
            for i in range(size)
        ]
        assert tuple(mean) == found.point


@pytest.mark.parametrize(
    "points, claim, expected",
    [
        ([(0.0,), (1.0,)], [0.3], Outcome.MEMBER),
        ([(0.0,), (1.0,)], [1.005], Outcome.MEMBER),
        ([(0.0,), (1.0,)], [1.02], Outcome.OUTSIDE),
        ([(0.0,), (1.0,)], [math.inf], Outcome.OUTSIDE),
        ([(1.0, 0.0), (0.0, 1.0)], [0.25, 0.75], Outcome.MEMBER),
        ([(1.0, 0.0), (0.0, 1.0)], [0.0, 0.0], Outcome.OUTSIDE),
        ([(1.0, 0.0), (0.0, 1.0)], [1.0, 1.0], Outcome.OUTSIDE),
        ([(math.inf,)], [math.inf], Outcome.MEMBER),
        ([(math.inf,)], [LARGEST], Outcome.MEMBER),
        ([(math.inf,)], [-math.inf], Outcome.OUTSIDE),
        ([(math.inf,)], [7.0], Outcome.OUTSIDE),
        ([(0.0,), (math.inf,)], [7.0], Outcome.MEMBER),
        ([(0.0,), (math.inf,)], [-7.0], Outcome.OUTSIDE),
        ([(0.0,), (math.inf,)], [math.inf], Outcome.MEMBER),
        ([(0.0,), (math.inf,)], [-math.inf], Outcome.OUTSIDE),
        ([(-math.inf,), (math.inf,)], [-7.0], Outcome.MEMBER),
        ([(math.inf, 1.0), (math.inf, 2.0)], [math.inf, 1.5], Outcome.MEMBER),
        ([(math.inf, 1.0), (math.inf, 2.0)], [math.inf, 3.0], Outcome.OUTSIDE),
        ([(math.inf, 1.0), (0.0, 2.0)], [5.0, 2.0], Outcome.MEMBER),
        ([(math.inf, 1.0), (0.0, 2.0)], [math.inf, 1.5], Outcome.MEMBER),
    ],
)
def test_membership(points: list[tuple[float, ...]], claim: list[float], expected: Outcome) -> None:
    """Finite claims by distance, infinite ones by sign."""
    assert outcome(points, claim) is expected


def test_what_is_beyond_by_a_corner_is_left_open() -> None:
    """A hull that misses the cube by less than its corners do is neither in nor out."""
    assert outcome([(1.2, 0.5), (1.2, 0.6)], [0.0, 0.0], 1.0) is Outcome.UNKNOWN
    assert outcome([(2.0, 0.5), (2.0, 0.6)], [0.0, 0.0], 1.0) is Outcome.OUTSIDE


def test_the_error_of_a_limit_leaves_open_what_it_covers() -> None:
    """Neither member nor outside where the limit itself is not known well enough."""
    vague = [(slope(1.0, 0.5),)]
    outcomes = [
        contained(vague, Claim((value,), (Fraction(1),), LARGEST)).outcome
        for value in (1.4, 2.3, 2.7)
    ]
    assert outcomes == [Outcome.MEMBER, Outcome.UNKNOWN, Outcome.OUTSIDE]


def test_the_nearest_member_and_its_weights_are_told() -> None:
    """Of a claim outside; and of one inside, which mean it is."""
    points = [(slope(0.0), slope(0.0)), (slope(2.0), slope(0.0))]
    bounds = (Fraction(1, 8),) * 2
    beyond = contained(points, Claim((1.0, 3.0), bounds, LARGEST))
    assert beyond.nearest == (1.0, 0.0)
    assert beyond.gap[0] == 0 < beyond.gap[1]
    inside = contained(points, Claim((0.5, 0.0), bounds, LARGEST))
    assert inside.weights == {0: Fraction(3, 4), 1: Fraction(1, 4)}


def test_the_error_of_a_limit_counts_by_what_is_allowed() -> None:
    """An error of 1/4 is much where 1/8 is allowed, and little where 4 are."""
    vague = [(slope(0.0, 0.25),)]
    outcomes = [
        contained(vague, Claim((value,), (Fraction(allowed),), LARGEST)).outcome
        for value, allowed in ((0.3, "1/8"), (0.5, "1/8"), (4.1, "4"), (4.5, "4"))
    ]
    assert outcomes == [Outcome.UNKNOWN, Outcome.OUTSIDE, Outcome.UNKNOWN, Outcome.OUTSIDE]
