"""The floating-point formats that a check may run in, as numbers derived from two widths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Format:
    """One binary format of IEEE 754's kind: a sign, an exponent field and a significand.

    Everything but the two widths follows from them (IEEE 754-2019, 3.3 and 3.4).
    """

    name: str  # the torch dtype without "torch."
    bits: int  # width of one number in storage
    precision: int  # bits of the significand, the hidden one included

    @property
    def exponent_max(self) -> int:
        """Exponent of the largest binade: its numbers lie in [2**e, 2**(e + 1))."""
        return (1 << (self.bits - self.precision - 1)) - 1

    @property
    def exponent_min(self) -> int:
        """Exponent of the smallest normal binade."""
        return 1 - self.exponent_max

    @property
    def max(self) -> float:
        """The largest finite number."""
        return (2 - self.epsilon) * 2.0**self.exponent_max

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number of full precision."""
        return 2.0**self.exponent_min

    def holds(self, other: Format) -> bool:
        """Whether every number of the other format is one of this."""
        return self.precision >= other.precision and self.exponent_max >= other.exponent_max

    @property
    def tiny(self) -> float:
        """Below it numbers are lost beside 1, or their squares have no reciprocal."""
        return max(self.epsilon, 1 / math.sqrt(self.max))

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive number: the spacing around zero."""
        return 2.0 ** (self.exponent_min + 1 - self.precision)

    @property
    def flushed(self) -> bool:
        """Whether processors compute in the format's range, and may take subnormals for 0.

        They compute in float32 and float64; float16 is computed in float32, which holds its
        subnormals as normal numbers.
        """
        return self.exponent_min <= -126

    @property
    def underflow(self) -> float:
        """What may be lost of a result below the normal range: the last digit, or all of it.

        Arithmetic in float32, in which bfloat16 is computed as well, is flushed to zero by fast
        modes of GPUs, by vector kernels (exp that ends at -87), and by the conversion to bfloat16
        of x86 (VCVTNEPS2BF16). float16 and float64 keep what is below their normal range.
        """
        flushed = self.exponent_max == _EXPONENT_OF_FLOAT32
        return self.smallest_normal if flushed else self.smallest_subnormal

    @property
    def epsilon(self) -> float:
        """The spacing of the numbers in [1, 2)."""
        return 2.0 ** (1 - self.precision)


_EXPONENT_OF_FLOAT32 = 127

_FORMATS = (
    Format("float64", bits=64, precision=53),
    Format("float32", bits=32, precision=24),
    Format("bfloat16", bits=16, precision=8),
    Format("float16", bits=16, precision=11),
)

DTYPES = tuple(row.name for row in _FORMATS)

# What a spec may say of a complex input: the dtype of its two parts; None: whatever is checked.
COMPLEX_DTYPES = {"complex": None, "complex128": "float64", "complex64": "float32"}


def format_of(dtype: str) -> Format:
    """The format of a dtype by its torch name; ValueError for one that is not checked."""
    for row in _FORMATS:
        if row.name == dtype:
            return row
    raise ValueError(f"dtype: got {dtype!r}; known are {', '.join(DTYPES)}")
