"""Which dtypes a spec is checked in, where inputs have dtypes of their own."""

from __future__ import annotations

from typing import Any

import pytest

from gradcheck_sym.run.choice import checks_of, dtypes_of, open_dtypes
from gradcheck_sym.run.options import Options

ALL = ("float64", "float32", "bfloat16", "float16")


@pytest.mark.parametrize(
    "x, w, found",
    [
        ("", "", ALL),
        ("", "dtype: float32", ALL[1:]),
        ("", "dtype: bfloat16", ("bfloat16",)),
        ("", "dtype: float64", ALL),
        ("", "dtype: complex64", ("float32",)),
        ("", "dtype: complex", ALL),
        ("dtype: float16", "dtype: float32", ("float16",)),
        ("value: 2", "dtype: float32", ("float32",)),
    ],
)
def test_dtypes_that_every_input_holds(x: str, w: str, found: Any, spec_of: Any) -> None:
    """Those that an input of a dtype of its own has room for, where another one is open."""
    spec = spec_of(f"inputs: {{x: {{{x}}}, w: {{{w}}}}}\nexpr: real(x*w)\n")
    assert open_dtypes(spec) == found
    assert dtypes_of(spec, Options()) == found[:1]
    assert ("dtypes" in checks_of(spec, Options())) == (len(found) > 1)
    asked = Options(dtypes=("float32", "bfloat16"))
    assert dtypes_of(spec, asked) == tuple(d for d in ("float32", "bfloat16") if d in found)
