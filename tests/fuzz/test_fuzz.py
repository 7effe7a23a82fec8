"""A short run of what fuzzing runs for long: reader.py and specs.py beside this."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import reader

import specs

BEGINNINGS = sorted(set(reader.beginnings()), key=len)
SHORT = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.nested_given,  # failures are shrunk by Hypothesis
    ],
)
PIECES = ["\n", ": ", "- ", "{", "}", "[", "]", '"', "'", "#", "&a ", "*a", "\t", "(", ")", "**"]
PIECES += ["expr: ", "inputs: ", "shape: ", "1e999", "é", "\x1b[1m"]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of ours in which a few places are overwritten, doubled, cut or filled."""
    data = draw(st.sampled_from(BEGINNINGS))
    for _ in range(draw(st.integers(1, 4))):
        low, high = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        ours, theirs = st.sampled_from(PIECES).map(str.encode), st.binary(max_size=4)
        piece = draw(st.one_of(ours, theirs, st.just(data[low:high])))
        data = data[:low] + piece + data[draw(st.sampled_from([low, high])) :]
    return data[:4096]


def test_the_beginnings_are_what_they_are() -> None:
    """Some are specs, some are not, and none breaks the reader."""
    found = [reader.check(data) for data in BEGINNINGS]
    assert min(found.count("specs"), found.count("problems")) > 10


@settings(SHORT, max_examples=300)
@given(damaged())
def test_damaged_files_have_problems_and_no_more(data: bytes) -> None:
    """Whatever a file is damaged by, what is wrong is told within it."""
    reader.check(data)


@settings(SHORT, max_examples=12)
@given(data=st.data())
def test_random_mathematics_is_right(
    data: st.DataObject, expressions: Callable[..., st.SearchStrategy[str]]
) -> None:
    """No random spec is called wrong."""
    specs.judged(data.draw(specs.texts(expressions)))


@pytest.mark.parametrize("expr", ["v*z", "sum(m)", "maximum(v, z)"])
def test_what_is_judged_is_judged(expr: str) -> None:
    """The chain is really run: each check has its verdict."""
    assert specs.judged(expr).total() >= 4
