"""Complex scalars: pairs of real ones, with the operators and functions of complex numbers.

Everything beyond the lowering stays real: values and gradients are pairs (re, im). The gradient
of a real L is then (dL/dre, dL/dim), which is torch's dL/dre + i*dL/dim. Functions have their
principal values; on a branch cut it is atan2 that jumps, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gradcheck_sym.symbolic.program import Builder, Scalar

Real = Scalar | int | Fraction
Number = Any  # Scalar or Complex, as an element of an array is


@final
class ComplexError(TypeError):
    """Something that is not defined for complex numbers was asked of one."""

    def __init__(self) -> None:
        super().__init__("this is not defined for complex arguments")


@final
class Complex:
    """A complex number; an operand of its operators may be real."""

    __slots__ = ("im", "re")

    is_condition = False
    constant = None  # no option of a function is complex

    def __init__(self, re: Scalar, im: Scalar) -> None:
        self.re = re
        self.im = im

    @property
    def builder(self) -> Builder:
        """Where both parts are computed."""
        return self.re.builder

    @property
    def index(self) -> int:
        """One instruction is what real functions want: raises ComplexError."""
        raise ComplexError

    instruction = index

    def __repr__(self) -> str:
        return f"({self.re!r}, {self.im!r})"

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im)

    def __add__(self, other: Real | Complex) -> Complex:
        if isinstance(other, Complex):
            return Complex(self.re + other.re, self.im + other.im)
        return Complex(self.re + other, self.im)

    def __radd__(self, other: Any) -> Complex:
        return Complex(other + self.re, self.im)

    def __sub__(self, other: Real | Complex) -> Complex:
        if isinstance(other, Complex):
            return Complex(self.re - other.re, self.im - other.im)
        return Complex(self.re - other, self.im)

    def __rsub__(self, other: Any) -> Complex:
        return Complex(other - self.re, -self.im)

    def __mul__(self, other: Real | Complex) -> Complex:
        if isinstance(other, Complex):
            re = self.re * other.re - self.im * other.im
            return Complex(re, self.re * other.im + self.im * other.re)
        return Complex(self.re * other, self.im * other)

    def __rmul__(self, other: Any) -> Complex:
        return Complex(other * self.re, other * self.im)

    def __truediv__(self, other: Real | Complex) -> Complex:
        if isinstance(other, Complex):
            return self * conj(other) / norm(other)
        return Complex(self.re / other, self.im / other)

    def __rtruediv__(self, other: Any) -> Complex:
        result: Complex = conj(self) * other / norm(self)
        return result

    def __pow__(self, other: Real | Complex) -> Complex:
        if isinstance(other, Complex):
            return exp(other * log(self))
        exponent = self.builder.scalar(other)
        if exponent.constant is None:
            return exp(log(self) * exponent)
        if exponent.constant.denominator == 1:
            return _whole_power(self, int(exponent.constant))
        return _turned(norm(self) ** (exponent.constant / 2), angle(self) * exponent)

    def __rpow__(self, other: Any) -> Complex:
        base = self.builder.scalar(other)
        if base.constant is not None and base.constant > 0:
            return exp(self * _call("log", base))
        return promoted(base) ** self


def _call(name: str, *operands: Scalar) -> Scalar:
    return operands[0].builder.emit(name, operands)


def _turned(modulus: Scalar, phase: Scalar) -> Complex:
    return Complex(modulus * _call("cos", phase), modulus * _call("sin", phase))


def _whole_power(base: Complex, exponent: int) -> Complex:
    """By squaring, which is regular at 0 where the exponent is not negative."""
    if exponent < 0:
        return 1 / _whole_power(base, -exponent)
    one = base.builder.constant(1)
    result = promoted(one)
    for digit in f"{exponent:b}":
        result = result * result if result.re is not one else result
        if digit == "1":
            result = base if result.re is one else result * base
    return result


def promoted(value: Number) -> Complex:
    """A real scalar as a complex one; complex ones as they are."""
    return value if isinstance(value, Complex) else Complex(value, value.builder.constant(0))


def by_parts(function: Callable[..., Scalar], *values: Number) -> Number:
    """A function of real scalars, applied to the real parts and to the imaginary ones."""
    if not any(isinstance(value, Complex) for value in values):
        return function(*values)
    pairs = [promoted(value) for value in values]
    return Complex(function(*(z.re for z in pairs)), function(*(z.im for z in pairs)))


# ---- arrays


def is_complex(array: npt.NDArray[Any]) -> bool:
    """Whether an array of scalars holds a complex one."""
    return any(isinstance(value, Complex) for value in array.reshape(-1))


def packed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Complex scalars from an array (*shape, 2) of real ones."""
    result = np.empty(array.shape[:-1], dtype=object)
    for index in np.ndindex(*result.shape):
        result[index] = Complex(*array[index])
    return result


def unpacked(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of complex scalars as (*shape, 2) real ones."""
    result = np.empty((*array.shape, 2), dtype=object)
    for index in np.ndindex(*array.shape):
        number = promoted(array[index])
        result[index] = number.re, number.im
    return result


# ---- functions


def conj(z: Complex) -> Complex:
    """The complex conjugate."""
    return Complex(z.re, -z.im)


def norm(z: Number) -> Scalar:
    """The square of the absolute value, of a real number, too."""
    result: Scalar = z.re**2 + z.im**2 if isinstance(z, Complex) else z**2
    return result


def modulus(z: Complex) -> Scalar:
    """The absolute value."""
    return _call("sqrt", norm(z))


def angle(z: Complex) -> Scalar:
    """The argument, in (-pi, pi]."""
    return _call("atan2", z.im, z.re)


def polar(modulus: Scalar, angle: Scalar) -> Complex:
    """The number of that absolute value and argument."""
    return _turned(modulus, angle)


def exp(z: Complex) -> Complex:
    """e to the power z."""
    return _turned(_call("exp", z.re), z.im)


def log(z: Complex) -> Complex:
    """The principal logarithm."""
    return Complex(_call("log", norm(z)) / 2, angle(z))


def sqrt(z: Complex) -> Complex:
    """The principal square root."""
    return z ** Fraction(1, 2)


def _times_i(z: Complex) -> Complex:
    return Complex(-z.im, z.re)


def sinh(z: Complex) -> Complex:
    """Hyperbolic sine."""
    re = _call("sinh", z.re) * _call("cos", z.im)
    return Complex(re, _call("cosh", z.re) * _call("sin", z.im))


def cosh(z: Complex) -> Complex:
    """Hyperbolic cosine."""
    re = _call("cosh", z.re) * _call("cos", z.im)
    return Complex(re, _call("sinh", z.re) * _call("sin", z.im))


def tanh(z: Complex) -> Complex:
    """Hyperbolic tangent (DLMF 4.35.36)."""
    re, im = 2 * z.re, 2 * z.im
    scale = _call("cosh", re) + _call("cos", im)
    return Complex(_call("sinh", re) / scale, _call("sin", im) / scale)


def _rotated(function: Callable[[Complex], Complex]) -> Callable[[Complex], Complex]:
    """f(i*z)/i: sin from sinh, tan from tanh, asin from asinh, atan from atanh."""
    return lambda z: -_times_i(function(_times_i(z)))


def asinh(z: Complex) -> Complex:
    """Inverse hyperbolic sine (DLMF 4.37.16)."""
    return log(z + sqrt(z * z + 1))


def acosh(z: Complex) -> Complex:
    """Inverse hyperbolic cosine, with the cut below 1 (DLMF 4.37.21)."""
    return log(z + sqrt(z + 1) * sqrt(z - 1))


def atanh(z: Complex) -> Complex:
    """Inverse hyperbolic tangent (DLMF 4.37.24)."""
    return (log(1 + z) - log(1 - z)) / 2


_asin = _rotated(asinh)


def _acos(z: Complex) -> Complex:
    return -_asin(z) + z.builder.emit("pi") / 2


# By the name of the function table. What is defined there in simpler functions needs no rule.
FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "exp": exp,
    "log": log,
    "sqrt": sqrt,
    "sin": _rotated(sinh),
    "cos": lambda z: cosh(_times_i(z)),
    "tan": _rotated(tanh),
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "asin": _asin,
    "acos": _acos,
    "atan": _rotated(atanh),
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "abs": modulus,
    "real": lambda z: z.re,
    "imag": lambda z: z.im,
    "conj": conj,
    "angle": angle,
}
