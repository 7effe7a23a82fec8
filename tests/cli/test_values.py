"""The values of options: what is read, and what is refused with which words."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.commands import values
from gradcheck_sym.errors import SpecError
from gradcheck_sym.report.numbers import hex_nest

NESTS = st.recursive(
    st.floats(allow_nan=False), lambda part: st.lists(part, min_size=1, max_size=1), max_leaves=4
)


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(st.text(), NESTS))
def test_points_read_as_they_are_written(point: dict[str, object]) -> None:
    """What the reports write as a point comes back bit for bit."""
    written = json.dumps({name: hex_nest(value) for name, value in point.items()})
    assert json.dumps({n: hex_nest(v) for n, v in values.point(written).items()}) == written


def test_numbers_in_every_notation() -> None:
    """Decimal, hexadecimal, whole, infinite and not a number."""
    point = values.point('{"a": 0.1, "b": "0x1.8p+1", "c": [1, "-inf"], "d": "nan", "e": []}')
    assert (point["a"], point["b"], point["c"], point["e"]) == (0.1, 3.0, (1.0, -math.inf), ())
    assert math.isnan(point["d"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "not JSON"),
        ("[1]", "takes an object"),
        ('{"x": "three"}', '--point: x: got "three"'),
        ('{"x": true}', "got true"),
        ('{"x": null}', "got null"),
        ('{"x": {"y": 1}}', "a number is written"),
        ('{"x": "0x1p+99999"}', "a number is written"),
        (f'{{"x": 1{"0" * 400}}}', "a number is written"),
        ('{"x": [[1, 2], [3]]}', "rows of an array are equally long"),
        ('{"x": [1, [2]]}', "rows of an array are equally long"),
        ('{"x": 1, "x": 2}', "'x' is given twice"),
        ('{"x": ' + "[" * 17 + "]" * 17 + "}", "nested deeper"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_points_that_are_none(text: str, words: str) -> None:
    """A point that cannot be read is a problem that names the place."""
    with pytest.raises(SpecError) as caught:
        values.point(text)
    assert words in caught.value.problems[0].message


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_random_text_is_read_or_refused(text: str) -> None:
    """Nothing but a problem is ever raised."""
    readers = (
        values.point,
        values.cotangent,
        values.dims,
        values.module,
        values.whole("--points", 1),
        values.several("--checks", ("forward",)),
    )
    for read in readers:
        with suppress(SpecError):
            read(text)


def test_dims() -> None:
    """Sizes by name."""
    assert values.dims("n=3, m=0") == {"n": 3, "m": 0}


@pytest.mark.parametrize("text", ["n", "n=", "n=-1", "n=1.5", "=3", "n=1,n=2", "", "n=1,,m=2"])
def test_dims_that_are_none(text: str) -> None:
    """A size is a whole number with a name, given once."""
    with pytest.raises(SpecError):
        values.dims(text)


def test_cotangent() -> None:
    """A scalar or an array."""
    assert values.cotangent('"0x1p-1"') == 0.5
    assert values.cotangent("[[1], [2]]") == ((1.0,), (2.0,))


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "٣", "", "x", "9" * 30])
def test_whole_numbers(text: str) -> None:
    """Only digits, from the least on, and not endlessly many."""
    with pytest.raises(SpecError, match="whole number from 1 on"):
        values.whole("--points", 1)(text)


def test_words_out_of_a_list() -> None:
    """Commas separate; repeats count once; a slip gets a suggestion."""
    read = values.several("--dtype", ("float32", "float64"))
    assert read("float64, float32,float64") == ("float64", "float32")
    with pytest.raises(SpecError) as caught:
        read("flaot32")
    assert caught.value.problems[0].suggestion == "did you mean 'float32'?"
    with pytest.raises(SpecError, match="takes one of"):
        values.one("--format", ("text", "json"))("text,json")


def test_modules() -> None:
    """A dotted name, not a path or code."""
    assert values.module("package.module") == "package.module"
    for text in ("a-b", "a..b", "../x", "a;b", ""):
        with pytest.raises(SpecError):
            values.module(text)


@pytest.mark.parametrize(
    "value, sizes", [(1.0, ()), ((), (0,)), (((1.0, 2.0),) * 3, (3, 2)), (((), ()), (2, 0))]
)
def test_shapes(value: object, sizes: tuple[int, ...]) -> None:
    """The sizes of a nest, also of an empty one."""
    assert values.shape(value) == sizes  # type: ignore[arg-type]
