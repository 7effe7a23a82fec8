"""What a page draws: the name of the value."""

from __future__ import annotations

import pytest

from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.verdict.pictures import value_name


@pytest.mark.parametrize(
    "text, name",
    [
        ("inputs: {x: {domain: real}}\nexpr: x", "f"),
        ("inputs: {f: {domain: real}}\nexpr: f", "y"),
        ("inputs: {f: {domain: real}}\nlet: {y: 2*f}\nexpr: y", "F"),
        ("inputs: {f: {shape: [F], domain: real}}\nlet: {y: 2*f}\nexpr: y", "value"),
        (
            "inputs: {f: {shape: [F]}, y: {value: 1}, value: {value: 2}}\nexpr: f + y*value",
            "ring_value",
        ),
    ],
)
def test_the_value_has_a_name_that_the_spec_does_not_use(text: str, name: str) -> None:
    """Neither an input, nor an intermediate, nor a size has it."""
    (spec,), problems = read_source(Source("ring.yaml", text))
    assert not problems
    assert value_name(spec) == name
