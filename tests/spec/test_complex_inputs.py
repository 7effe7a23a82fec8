"""Complex inputs: how their numbers are written, and what becomes of them."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from gradcheck_sym.errors import Position, Problem
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Input, Spec
from gradcheck_sym.spec.yaml_nodes import Source


def spec(text: str) -> Spec:
    """The only spec of a text."""
    (found,), problems = read_source(Source("it.yaml", text))
    assert problems == ()
    return found


def problem(text: str) -> Problem:
    """The only problem of a text."""
    _, (found,) = read_source(Source("it.yaml", text))
    return found


@pytest.mark.parametrize(
    "text, pair",
    [
        ("1+2i", (1.0, 2.0)),
        ("1-2i", (1.0, -2.0)),
        ("-1.5e3-2i", (-1500.0, -2.0)),
        ("2i", (0.0, 2.0)),
        ("-2.5e-1i", (0.0, -0.25)),
        ("i", (0.0, 1.0)),
        ("-i", (0.0, -1.0)),
        ("3+i", (3.0, 1.0)),
        ("3 - i", (3.0, -1.0)),
        (".5+1.i", (0.5, 1.0)),
        ("0.1+0.7i", (0.1, 0.7)),
        ("3", (3.0, 0.0)),
        ("-0.25", (-0.25, 0.0)),
        ("1/4", (0.25, 0.0)),
    ],
)
def test_notation(text: str, pair: tuple[float, float]) -> None:
    """A complex number is written as in mathematics, with i at its end; a real one as ever."""
    found = spec(f"inputs: {{z: {{value: {text}, dtype: complex}}}}\nexpr: z\n").inputs[0]
    assert (found.value, found.shape, found.complex) == (pair, (), True)


@pytest.mark.parametrize("text", ["1+2j", "2i+1", "1+i2", "1++2i", "ii", "1 2i", "1e999i"])
def test_what_is_no_complex_number(text: str) -> None:
    """Other spellings are refused, with how it is written."""
    found = problem(f"inputs: {{z: {{value: {text}, dtype: complex}}}}\nexpr: z\n")
    assert found.code == Code.WRONG_TYPE
    assert "written 1+2i" in found.message
    assert found.suggestion == ("write i for j" if "j" in text else "")


@pytest.mark.parametrize("value", ["1+2i", "[1+2i]"])
def test_a_real_input_takes_no_complex_number(value: str) -> None:
    """The message says what to declare."""
    found = problem(f"inputs: {{z: {{value: {value}}}}}\nexpr: z\n")
    assert (found.code, found.suggestion) == (
        Code.WRONG_TYPE,
        "declare the input as dtype: complex",
    )


@pytest.mark.parametrize(
    "dtype, own", [("complex", None), ("complex128", "float64"), ("complex64", "float32")]
)
def test_dtypes(dtype: str, own: str | None) -> None:
    """complex is of any precision; the others fix that of both parts."""
    found = spec(f"inputs: {{z: {{shape: [n, 3], dtype: {dtype}}}}}\nexpr: z\n").inputs[0]
    assert (found.complex, found.dtype, found.shape) == (True, own, ("n", 3))


def test_an_example() -> None:
    """Points and gradients of complex inputs are pairs; so is a value that has an i anywhere."""
    text = """\
inputs: {z: {shape: [n], dtype: complex}, x: {}}
expr: x*z
examples:
  - {point: {z: [1+2i, 3], x: 2}, value: [2+4i, 6], grad: {z: [2, i], x: 3}}
  - {point: {z: [0], x: 2}, value: [0]}
"""
    first, second = spec(text).examples
    assert first.point == {"z": ((1.0, 2.0), (3.0, 0.0)), "x": 2.0}
    assert first.value == ((2.0, 4.0), (6.0, 0.0))
    assert first.grad == {"z": ((2.0, 0.0), (0.0, 1.0)), "x": 3.0}
    assert second.value == (0.0,)


def test_a_domain_is_a_box() -> None:
    """Both parts must lie in it, and the message shows the part that does not."""
    text = "inputs: {z: {value: [1+2i, 1+3i], dtype: complex, domain: '[0, 2]'}}\nexpr: z\n"
    found = problem(text)
    assert found.code == Code.OUTSIDE_DOMAIN
    assert "3.0 is outside the domain [0, 2]" in found.message


def test_a_shape_counts_no_parts() -> None:
    """A pair is one number: an example's vector of two fits [2], not [2, 2]."""
    text = """\
inputs: {{z: {{shape: {shape}, dtype: complex}}}}
expr: z
examples: [{{point: {{z: [1+2i, 3]}}}}]
"""
    assert spec(text.format(shape="[2]")).inputs[0].shape == (2,)
    assert problem(text.format(shape="[2, 2]")).code == Code.SHAPE_MISMATCH


def test_steps_are_real() -> None:
    """A program of steps with a complex input is refused, and says so."""
    found = problem("inputs: {z: {value: 1+i, dtype: complex}}\nsteps: [{let: {y: z*z}}]\n")
    assert found.code == Code.CONFLICT
    assert "steps take real inputs only; 'z' is complex" in found.message


def entry(**options: Any) -> Input:
    """An input of shape [n, 3, n]."""
    here = Position("x.yaml", 1, 1)
    return Input("x", None, ("n", 3, "n"), None, None, requires_grad=True, position=here, **options)


def test_sizes() -> None:
    """Named sizes are looked up; numbers stay; an unknown name is an error."""
    assert entry().sizes({"n": 2}) == (2, 3, 2)
    assert prod(entry().sizes({"n": 0})) == 0
    with pytest.raises(KeyError):
        entry().sizes({"m": 2})


def test_sizes_of_parts() -> None:
    """A complex input has one more axis, for its parts."""
    assert entry(complex=True).real_shape == ("n", 3, "n", 2)
    assert entry(complex=True).sizes({"n": 4}) == (4, 3, 4, 2)
