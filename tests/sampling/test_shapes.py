"""Which sizes are visited."""

from __future__ import annotations

from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.shapes import assignments, sizes
from gradcheck_sym.spec.records import Dim

RANGES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=4)


def dim(name: str, low: int, high: int) -> Dim:
    """A dim of the author's."""
    return Dim(name, low, high, declared=True)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(RANGES)
def test_every_pair_of_sizes_is_met(ranges: list[tuple[int, int]]) -> None:
    """Every size of each dim and every pair of sizes of two dims occur, and no size beyond."""
    dims = [dim(f"d{i}", low, low + extent) for i, (low, extent) in enumerate(ranges)]
    rows = assignments(dims)
    for one in dims:
        assert {row[one.name] for row in rows} == set(range(one.low, one.high + 1))
    for one, other in combinations(dims, 2):
        met = {(row[one.name], row[other.name]) for row in rows}
        assert met == set(product(sizes(one), sizes(other)))


def test_far_fewer_than_all_combinations() -> None:
    """Five dims of five sizes need a few dozen choices, not 3125, each of them once."""
    rows = assignments([dim(name, 1, 5) for name in "abcde"])
    assert len(rows) < 60
    assert len({tuple(row.items()) for row in rows}) == len(rows)


def test_first_choices_meet_every_size_unequally() -> None:
    """The first choices meet each size of each dim, and dims of one range at different sizes."""
    rows = assignments([dim("n", 1, 4), dim("m", 1, 4)])
    assert {row["n"] for row in rows[:4]} == {row["m"] for row in rows[:4]} == {1, 2, 3, 4}
    assert all(row["n"] != row["m"] for row in rows[:4])


def test_no_dims() -> None:
    """Without dims there is one choice, the empty one."""
    assert assignments([]) == ({},)


def test_long_ranges() -> None:
    """Each size up to 32; beyond, the two largest, the powers of two and their neighbours."""
    assert sizes(dim("n", 0, 7)) == tuple(range(8))
    assert sizes(dim("n", 1, 20)) == tuple(range(1, 21))
    assert sizes(dim("n", 30, 140)) == (30, 31, 32, 33, 63, 64, 65, 127, 128, 129, 139, 140)


def test_every_size_of_long_ranges_is_met() -> None:
    """Each visited size of each dim occurs; large sizes of two dims only the main ones together."""
    dims = [dim("m", 1, 20), dim("k", 3, 4), dim("n", 1, 40)]
    rows = assignments(dims)
    for one in dims:
        assert {row[one.name] for row in rows} == set(sizes(one))
    assert {(row["m"], row["n"]) for row in rows} >= {(19, 39), (20, 40), (16, 32), (1, 40)}
    assert all(row["m"] <= 3 for row in rows if row["n"] == 29)
