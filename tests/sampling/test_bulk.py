"""Seeded bulk points: in the domain, in the dtype, spread as promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.sampling.bulk import bulk, by_ordinal, by_value, cotangents
from gradcheck_sym.sampling.ordinals import last_ordinal, ordinals, round_to
from gradcheck_sym.sampling.seeds import generator
from gradcheck_sym.sampling.space import (
    Constraint,
    SamplingError,
    Space,
    admit,
    everyday,
    filtered,
    pieces,
    within,
)
from gradcheck_sym.spec.dtypes import DTYPES, format_of
from gradcheck_sym.spec.records import Domain, Interval

DOMAINS = [
    ("real", ["(-inf, inf)"], False),
    ("positive", ["(0, inf)"], False),
    ("negative half", ["(-inf, -2.5]"], False),
    ("unit, open", ["(0, 1)"], False),
    ("no float at its ends", ["[0.1, 0.3]"], False),
    ("two pieces", ["[-3, -1)", "(1, 2]"], False),
    ("one number", ["[0.5, 0.5]"], False),
    ("far from zero", ["[1000, inf)"], False),
    ("beyond float16", ["(-inf, 1e30]"], False),
    ("whole real line, stated", ["[-1.7e308, 1.7e308]"], False),
    ("integers", ["(-inf, inf)"], True),
    ("counts", ["[0, 10)"], True),
    ("few integers", ["(-2.5, 2.5)"], True),
]


def interval(low: float, high: float) -> Domain:
    """The closed interval."""
    return Domain((Interval(low, high, low_closed=True, high_closed=True),))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name, texts, integers", DOMAINS, ids=[row[0] for row in DOMAINS])
def test_every_value_is_of_the_domain_and_the_dtype(
    dtype: str,
    name: str,
    texts: list[str],
    integers: bool,
    space_of: Callable[..., Space],
    domain_of: Callable[..., Domain],
) -> None:
    """No draw lies outside its domain or between two numbers of its dtype; none is missing."""
    domain = domain_of(*texts, integers=integers)
    drawn = bulk(space_of(dtype, x=(["n"], domain)), {"n": 2}, 400, generator(1, name)).batch
    values = drawn.values["x"]
    assert values.shape == (400, 2)
    assert all(value in domain for value in values.ravel().tolist())
    assert (round_to(dtype, values) == values).all()
    assert drawn.origins == ("bulk by value",) * 200 + ("bulk by ordinal",) * 200


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    st.sampled_from(DTYPES),
    st.lists(st.floats(allow_nan=False), min_size=2, max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_any_domain(dtype: str, marks: list[float], closed: bool, integers: bool) -> None:
    """Whatever the ends, draws stay inside, or the space says that it holds no number."""
    ends = sorted(marks)
    parts = zip(ends[::2], ends[1::2], strict=False)
    domain = Domain(tuple(Interval(a, b, closed, closed) for a, b in parts), integers)
    try:
        found = pieces(dtype, domain)
    except SamplingError:
        return
    for draw in (by_value, by_ordinal):
        for piece in found:
            values = draw(dtype, piece, generator(0, "any"), 20)
            assert all(value in domain for value in values.tolist())
            assert (round_to(dtype, values) == values).all()


def test_half_is_uniform_by_value(space_of: Callable[..., Space]) -> None:
    """By value, tenths of a bounded interval are met equally often."""
    space = space_of(x=((), interval(-3.0, 7.0)))
    values = bulk(space, {}, 40_000, generator(2, "v")).batch.values["x"][:20_000]
    counts, _ = np.histogram(values, bins=10, range=(-3, 7))
    assert abs(counts - 2000).max() < 250  # six standard deviations of a binomial count


@pytest.mark.parametrize("dtype", DTYPES)
def test_half_is_uniform_by_ordinal(dtype: str, space_of: Callable[..., Space]) -> None:
    """By ordinal, tenths of the row of all floats are met equally often."""
    values = bulk(space_of(dtype, x=()), {}, 40_000, generator(3, "o")).batch.values["x"][20_000:]
    share = ordinals(dtype, values) / last_ordinal(dtype)
    counts, _ = np.histogram(share, bins=10, range=(-1, 1))
    assert abs(counts - 2000).max() < 250


def test_by_value_where_an_end_is_missing(space_of: Callable[..., Space]) -> None:
    """Ordinary magnitudes come often, tens and hundreds come too, on both sides of zero."""
    values = bulk(space_of(x=()), {}, 20_000, generator(4, "u")).batch.values["x"][:10_000]
    share = [(np.abs(values) < edge).mean() for edge in (1, 10, 100, 1000)]
    assert 0.3 < share[0] < 0.6
    assert 0.85 < share[1] < 0.95
    assert share[2] < share[3] == 1
    assert 0.45 < (values < 0).mean() < 0.55


def test_by_value_folds_over_a_finite_end() -> None:
    """A half-bounded piece far from zero is sampled from its end on."""
    (piece,) = pieces("float64", Domain((Interval(500.0, np.inf, True, False),)))
    values = by_value("float64", piece, generator(0, "fold"), 1000)
    assert (values >= 500).all()
    assert np.median(values) < 505
    assert len(set(values.tolist())) > 990


def test_pieces_share_equally(
    space_of: Callable[..., Space], domain_of: Callable[..., Domain]
) -> None:
    """A short piece of a domain is met as often as a long one."""
    domain = domain_of("[0, 1e-9]", "[1, 1000]")
    values = bulk(space_of(x=([], domain)), {}, 4000, generator(5, "p")).batch.values["x"]
    assert 0.45 < (values < 0.5).mean() < 0.55


def test_integers_of_every_size() -> None:
    """Integers by ordinal have any number of digits; zero is one of them, not half of them."""
    (piece,) = pieces("float64", Domain((Interval(-np.inf, np.inf, False, False),), integers=True))
    values = by_ordinal("float64", piece, generator(6, "i"), 4000)
    assert (values == np.trunc(values)).all()
    assert (values == 0).mean() < 0.01
    counts, _ = np.histogram(np.log2(np.abs(values[values != 0])), bins=4, range=(0, 1024))
    assert counts.min() > 800


def test_both_ends_of_a_closed_interval_are_met() -> None:
    """All five numbers between two closed ends of bfloat16 occur, the ends included."""
    (piece,) = pieces("bfloat16", interval(1.0, 1 + 4 * 2.0**-7))
    for draw in (by_value, by_ordinal):
        values = set(draw("bfloat16", piece, generator(7, "e"), 500).tolist())
        assert values == {1 + k * 2.0**-7 for k in range(5)}


def test_the_same_seed_gives_the_same_bytes(space_of: Callable[..., Space]) -> None:
    """Points depend on the stream and nothing else; another stream gives others."""
    space = space_of(x=["n"], y=())
    first, again, other = (
        bulk(space, {"n": 3}, 50, generator(seed, "s")).batch for seed in (1, 1, 2)
    )
    assert first.values["x"].tobytes() == again.values["x"].tobytes()
    assert first.values["x"].tobytes() != other.values["x"].tobytes()
    assert len(set(first.values["y"].tolist())) == 50


def test_fixed_inputs_keep_their_value(space_of: Callable[..., Space]) -> None:
    """A fixed input is the same at every point, rounded to the dtype; alone it is one point."""
    values = bulk(space_of("float16", x=(), beta=0.1), {}, 6, generator(0, "f")).batch.values
    assert values["beta"].tolist() == [0.0999755859375] * 6
    assert bulk(space_of(beta=0.1), {}, 100, generator(0, "f")).batch.lanes == 1


def rising(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Element by element, x < y."""
    return values["x"] < values["y"]


def test_elementwise_constraints(space_of: Callable[..., Space]) -> None:
    """Eight conditions at once, of which each holds for half of the draws, are no problem."""
    space = space_of(x=["n"], y=["n"], constraints=(Constraint("where x < y", rising),))
    drawn = bulk(space, {"n": 8}, 200, generator(8, "c"))
    assert rising(drawn.batch.values).all()
    assert drawn.batch.lanes == 200
    assert drawn.dropped["where x < y"] > 200


def test_constraint_between_a_vector_and_a_scalar(space_of: Callable[..., Space]) -> None:
    """Where the scalar stands in the way of every element, it is drawn again, too."""
    below = Constraint("where x < y", lambda v: v["x"] < v["y"][:, None])
    space = space_of(x=(["n"], interval(0, 1)), y=((), interval(-1, 1)), constraints=(below,))
    values = bulk(space, {"n": 3}, 50, generator(9, "c")).batch.values
    assert (values["x"] < values["y"][:, None]).all()


def test_one_point_under_a_constraint(space_of: Callable[..., Space]) -> None:
    """A half of one point is none, and none keeps every constraint."""
    below = Constraint("where x < y", rising)
    drawn = bulk(space_of(x=(), y=(), constraints=(below,)), {}, 1, np.random.default_rng(0))
    assert drawn.batch.lanes == 1
    assert drawn.batch.values["x"] < drawn.batch.values["y"]


def test_each_dropped_point_has_one_reason(space_of: Callable[..., Space]) -> None:
    """A point is counted under the first constraint that it breaks."""
    constraints = (
        Constraint("where x > 0", lambda v: v["x"] > 0),
        Constraint("where x > -1", lambda v: v["x"] > -1),
        Constraint("where x < 1", lambda v: v["x"] < 1),
    )
    space = space_of(x=((), interval(-2, 2)), constraints=constraints)
    drawn = bulk(space, {}, 1000, generator(10, "c"))
    values = drawn.batch.values["x"]
    assert ((values > 0) & (values < 1)).all()
    assert set(drawn.dropped) == {"where x > 0", "where x < 1"}
    assert drawn.dropped["where x > 0"] > drawn.dropped["where x < 1"] > 0


def above_one(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Half of [-2, 2] from 0 on by value, one float in a thousand by ordinal."""
    return values["x"] > 1


def below_one(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Next to nothing of [0, 1e300] by value, half of its floats."""
    return values["x"] < 1


@pytest.mark.parametrize(
    "low, high, holds, origin",
    [(-2, 2, above_one, "bulk by value"), (0, 1e300, below_one, "bulk by ordinal")],
)
def test_one_way_of_drawing_stands_in_for_the_other(
    low: float,
    high: float,
    holds: Callable[..., np.ndarray],
    origin: str,
    space_of: Callable[..., Space],
) -> None:
    """A constraint that one half of the draws hardly ever keeps is met by the other half."""
    space = space_of(x=((), interval(low, high)), constraints=(Constraint("where", holds),))
    drawn = bulk(space, {}, 300, generator(11, "c"))
    assert holds(drawn.batch.values).all()
    assert drawn.batch.lanes == 300
    assert drawn.batch.origins.count(origin) > 290


def test_too_much_rejection(space_of: Callable[..., Space]) -> None:
    """A constraint that next to nothing keeps is an error that names it and the counts."""
    never = Constraint("where x > x", lambda v: v["x"] > v["x"])
    with pytest.raises(SamplingError, match=r"where x > x: kept 0 of \d+ points drawn.*1 %"):
        bulk(space_of(x=(), constraints=(never,)), {}, 10, generator(0, "r"))


def test_a_constraint_of_the_wrong_shape(space_of: Callable[..., Space]) -> None:
    """A constraint that does not answer for each lane is a mistake, not a filter."""
    odd = Constraint("where odd", lambda _: np.array([True]))
    with pytest.raises(ValueError, match=r"where odd: got \(1,\) for 100 lanes"):
        bulk(space_of(x=(), constraints=(odd,)), {}, 10, generator(0, "r"))


@pytest.mark.parametrize(
    "texts, integers",
    [(["(0.1, 0.10001)"], False), (["(0.2, 0.8)"], True), (["[1e10, inf)"], False)],
)
def test_a_domain_without_numbers(
    texts: list[str], integers: bool, domain_of: Callable[..., Domain]
) -> None:
    """A domain that falls between two numbers of the dtype is an error."""
    with pytest.raises(SamplingError, match="holds no float16 number"):
        pieces("float16", domain_of(*texts, integers=integers))


def test_admit(domain_of: Callable[..., Domain]) -> None:
    """What lies outside moves to the nearest end, what lies inside stays, integers are whole."""
    parts = pieces("float64", domain_of("[-2, -1]", "[3, inf)"))
    given = np.array([-1e300, -1.5, 0.0, 2.0, 7.5, np.inf])
    assert admit(parts, given).tolist() == [-2, -1.5, -1, 3, 7.5, format_of("float64").max]
    assert within(parts, given).tolist() == [False, True, False, False, True, False]
    whole = pieces("float64", domain_of("(0.5, 3)", integers=True))
    assert admit(whole, np.array([0.0, 1.9, 9.0])).tolist() == [1, 1, 2]
    with pytest.raises(ValueError, match="NaN"):
        admit(parts, np.array([np.nan]))


def test_filtered_counts_constraints_only(
    space_of: Callable[..., Space], domain_of: Callable[..., Domain]
) -> None:
    """Points outside the domain never were points; those that break a constraint are counted."""
    wide = bulk(space_of(x=([], interval(-2, 2))), {}, 200, generator(0, "w")).batch
    positive = Constraint("where x > 1", lambda v: v["x"] > 1)
    inner = space_of(x=([], domain_of("[0, 2]")), constraints=(positive,))
    drawn = filtered(inner, wide)
    values = wide.values["x"]
    assert drawn.batch.values["x"].tolist() == values[values > 1].tolist()
    assert drawn.dropped == {"where x > 1": int(((values >= 0) & (values <= 1)).sum())}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_cotangents(dtype: str, shape: tuple[int, ...]) -> None:
    """Cotangents are of the dtype, finite; hardly any lane is only ones, or only zeros."""
    drawn = cotangents(generator(0, "g"), shape, 200, dtype)
    assert drawn.shape == (200, *shape)
    assert (round_to(dtype, drawn) == drawn).all()
    flat = drawn.reshape(200, -1)
    assert 0 < (flat == 0).all(axis=1).mean() < 0.05
    assert 0 < (flat == 1).all(axis=1).mean() < 0.05
    whole = (flat == np.trunc(flat)).all(axis=1)
    assert 0.2 < whole.mean() < 0.6
    assert len(np.unique(flat)) > 100


def test_cotangents_hold_zeros_and_scales() -> None:
    """Some lanes are sparse, some span several orders of magnitude."""
    drawn = cotangents(generator(0, "g"), (8,), 400, "float64")
    assert ((drawn == 0).sum(axis=1) >= 4).mean() > 0.15
    magnitude = np.abs(np.where(drawn == 0, 1, drawn))
    assert (magnitude.max(axis=1) / magnitude.min(axis=1) > 100).mean() > 0.1
    assert ((drawn != 0).sum(axis=1) == 1).mean() > 0.1
    assert ((drawn.sum(axis=1) == 0) & (drawn != 0).any(axis=1)).mean() > 0.1
    assert (drawn == drawn[:, :1]).all(axis=1).mean() > 0.1
    assert {np.sign(np.log2(row)) for row in magnitude.max(axis=1) if not 2e-5 < row < 1e5} == {
        -1,
        1,
    }


def test_cotangents_of_a_narrow_dtype_are_of_ordinary_size() -> None:
    """Nothing that is fed in float16 makes an ordinary gradient overflow."""
    assert np.abs(cotangents(generator(0, "g"), (8,), 400, "float16")).max() < 512
    assert np.abs(cotangents(generator(0, "g"), (8,), 400, "bfloat16")).max() > 1e5


def test_cotangents_of_many_points_are_used_again() -> None:
    """In another company: a whole turn of kinds does not go into what is drawn."""
    drawn = cotangents(generator(0, "g"), (2,), 10_000, "float64")
    assert drawn.shape == (10_000, 2)
    assert 2000 < len(np.unique(drawn, axis=0)) < 4096
    assert (drawn[:1000] != drawn[4096:5096]).any(axis=1).mean() > 0.9


def test_cotangents_of_nothing() -> None:
    """An output without elements takes a cotangent without elements."""
    assert cotangents(generator(0, "g"), (0, 2), 3, "float32").shape == (3, 0, 2)
    assert cotangents(generator(0, "g"), (2,), 0, "float32").shape == (0, 2)


def test_everyday_numbers(space_of: Callable[..., Space], domain_of: Callable[..., Domain]) -> None:
    """Neither huge nor tiny, where the domain has others; zero as an integer or by itself."""
    found = everyday(
        space_of(
            a=(),
            b=((), domain_of("[0, 1]", "(2, 1e9)")),
            c=((), domain_of("[1e-300, 1e-200]")),
            d=((), domain_of("[-1e9, 5]", integers=True)),
            e=((), domain_of("[-1e9, -1e6]", "[0, 0]", "[1, 2)")),
            f=3.0,
        )
    )
    least, most = 2.0**-12, 2.0**12
    ends = {
        entry.name: entry.domain and [(part.low, part.high) for part in entry.domain.intervals]
        for entry in found.inputs
    }
    assert ends == {
        "a": [(-most, -least), (least, most)],
        "b": [(least, 1), (2, most)],
        "c": [(1e-300, 1e-200)],
        "d": [(-most, 5)],
        "e": [(0, 0), (1, 2)],
        "f": None,
    }
    drawn = bulk(found, {}, 40, np.random.default_rng(0)).batch
    for name in "abde":
        sizes = np.abs(drawn.values[name])
        assert np.all((sizes == 0) | (sizes >= least))
        assert np.all(sizes <= most)
