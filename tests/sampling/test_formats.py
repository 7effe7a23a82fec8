"""The constants of each dtype against torch's own."""

from __future__ import annotations

import pytest
import torch

from gradcheck_sym.spec.dtypes import DTYPES, format_of


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_are_torchs(dtype: str) -> None:
    """Derived from two widths, every constant is the one that torch.finfo states."""
    form, info = format_of(dtype), torch.finfo(getattr(torch, dtype))
    assert (form.bits, form.max, form.epsilon) == (info.bits, info.max, info.eps)
    assert form.smallest_normal == info.smallest_normal
    assert form.smallest_subnormal == info.smallest_normal * info.eps


def test_precision() -> None:
    """The significands have the bits that IEEE 754 and bfloat16 give them."""
    assert [format_of(dtype).precision for dtype in DTYPES] == [53, 24, 8, 11]


def test_underflow() -> None:
    """What float32 holds of exponents may be flushed to zero; the others keep their subnormals."""
    lost = {dtype: format_of(dtype).underflow for dtype in DTYPES}
    assert lost["float32"] == lost["bfloat16"] == 2.0**-126
    assert (lost["float64"], lost["float16"]) == (2.0**-1074, 2.0**-24)


@pytest.mark.parametrize("name", ["float8", "torch.float32", "", "FLOAT32", "complex64"])
def test_unknown_dtype(name: str) -> None:
    """A dtype that is not checked is named in the error, with those that are."""
    with pytest.raises(ValueError, match=f"got {name!r}; known are float64, float32"):
        format_of(name)
