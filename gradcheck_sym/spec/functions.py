"""The function table: what one may call in an expression, one row a function.

A row names its three meanings without importing any of the libraries that carry them out:
the mathematics (`define`, in the language itself, or a SymPy function of the same name), the
enclosure (`ball`, a method of `flint.arb`) and the operator that torch's users know (`torch`).
Array functions, which only move or combine elements, name a rule of `symbolic.lower` instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Function:
    """One function of the language."""

    name: str
    signature: str  # parameters and defaults, as in torch: "x, dim=none, keepdim=false"
    doc: str  # one line, for people
    define: str = ""  # the mathematics in simpler functions of the language, over the parameters
    sympy: str = ""  # the SymPy function, where it is a primitive of the derivation
    ball: str = ""  # the flint.arb method, where it encloses more sharply than the definition
    lower: str = ""  # the rule of symbolic.lower, for functions of whole arrays
    torch: str = ""  # dotted operator; empty: autograd.rules has one of that name
    domain: str = "real"  # where the value is defined, for functions of one number
    singular: str = ""  # points of the domain without a finite derivative: "{0}"
    kinks: str = ""  # points of the domain where the derivative jumps: "{0}", "integers"

    @property
    def elementwise(self) -> bool:
        """Whether the function acts on each element alone."""
        return not self.lower


def _real(name: str, doc: str, **meanings: str) -> Function:
    """A function of one real number that SymPy, Arb and torch all call by its name."""
    meanings = {"sympy": name, "ball": name, "torch": f"torch.{name}"} | meanings
    return Function(name, "x", doc, **meanings)


def _defined(name: str, signature: str, define: str, doc: str, **meanings: str) -> Function:
    meanings = {"torch": f"torch.{name}"} | meanings
    return Function(name, signature, doc, define=define, **meanings)


def _array(name: str, signature: str, doc: str, torch: str | None = None) -> Function:
    operator = f"torch.{name}" if torch is None else torch
    return Function(name, signature, doc, lower=name, torch=operator)


_ROWS = (
    # exponentials and logarithms
    _real("exp", "e to the power x"),
    _defined("expm1", "x", "exp(x) - 1", "exp(x) - 1", ball="expm1"),
    _defined("exp2", "x", "2**x", "2 to the power x"),
    _real("log", "natural logarithm", domain="(0, inf)"),
    _defined("log1p", "x", "log(1 + x)", "log(1 + x)", ball="log1p", domain="(-1, inf)"),
    _defined("log2", "x", "log(x)/log(2)", "logarithm to base 2", domain="(0, inf)"),
    _defined("log10", "x", "log(x)/log(10)", "logarithm to base 10", domain="(0, inf)"),
    # powers
    _real("sqrt", "square root", domain="[0, inf)", singular="{0}"),
    _defined("rsqrt", "x", "1/sqrt(x)", "1/sqrt(x)", domain="(0, inf)"),
    _defined("reciprocal", "x", "1/x", "1/x"),
    _defined("square", "x", "x**2", "x times x"),
    _defined("pow", "x, exponent", "x**exponent", "x to the power exponent"),
    # trigonometry
    _real("sin", "sine of an angle in radians"),
    _real("cos", "cosine of an angle in radians"),
    _real("tan", "tangent of an angle in radians"),
    _real("asin", "inverse sine, in radians", domain="[-1, 1]", singular="{-1, 1}"),
    _real("acos", "inverse cosine, in radians", domain="[-1, 1]", singular="{-1, 1}"),
    _real("atan", "inverse tangent, in radians"),
    Function(
        "atan2",
        "y, x",
        "angle of the point (x, y), in radians",
        sympy="atan2",
        ball="atan2",
        torch="torch.atan2",
    ),
    _real("sinh", "hyperbolic sine"),
    _real("cosh", "hyperbolic cosine"),
    _real("tanh", "hyperbolic tangent"),
    _real("asinh", "inverse hyperbolic sine"),
    _real("acosh", "inverse hyperbolic cosine", domain="[1, inf)", singular="{1}"),
    _real("atanh", "inverse hyperbolic tangent", domain="(-1, 1)"),
    _defined("sinc", "x", "where(x == 0, 1, sin(pi*x)/(pi*x))", "sin(pi*x)/(pi*x), 1 at 0"),
    # activations
    _defined("sigmoid", "x", "1/(1 + exp(-x))", "logistic function"),
    _defined(
        "softplus",
        "x, beta=1",
        "log1p(exp(beta*x))/beta",
        "log(1 + exp(beta*x))/beta, without torch's threshold",
        torch="",
    ),
    _defined("relu", "x", "maximum(x, 0)", "the larger of x and 0"),
    # special functions
    _real("erf", "error function"),
    _real("erfc", "1 - erf(x)"),
    _real("erfinv", "inverse of erf", domain="(-1, 1)"),
    _real("lgamma", "logarithm of the absolute value of gamma", sympy="loggamma"),
    _real("digamma", "derivative of lgamma"),
    # pieces
    _real("abs", "absolute value", kinks="{0}"),
    _real("sign", "-1, 0 or 1", kinks="{0}"),
    _real("floor", "largest integer not above x", kinks="integers"),
    _real("ceil", "smallest integer not below x", kinks="integers", torch="torch.ceil"),
    _defined(
        "frac",
        "x",
        "where(x >= 0, x - floor(x), x - ceil(x))",
        "x less its integer part, with the sign of x",
    ),
    Function("maximum", "x, y", "the larger of two", sympy="max", ball="max"),
    Function("minimum", "x, y", "the smaller of two", sympy="min", ball="min"),
    _array("clamp", "x, min=none, max=none", "x held between min and max", ""),
    _array("where", "condition, x, y", "x where the condition holds, else y", ""),
    # complex numbers
    _defined("real", "x", "x", "real part"),
    _defined("imag", "x", "0*x", "imaginary part", torch=""),
    _defined("conj", "x", "x", "complex conjugate"),
    _defined("angle", "x", "where(x < 0, pi, 0)", "argument of a complex number, in radians"),
    _array("complex", "real, imag", "complex number of two real ones"),
    _array("polar", "abs, angle", "complex number of that absolute value and angle"),
    # reductions
    _array("sum", "x, dim=none, keepdim=false", "sum of elements", ""),
    _array("mean", "x, dim=none, keepdim=false", "mean of elements", ""),
    _array("prod", "x, dim=none, keepdim=false", "product of elements", ""),
    _array("var", "x, dim=none, correction=1, keepdim=false", "variance"),
    _array("std", "x, dim=none, correction=1, keepdim=false", "standard deviation"),
    _array("max", "x, dim=none, keepdim=false", "largest element", ""),
    _array("min", "x, dim=none, keepdim=false", "smallest element", ""),
    _array("amax", "x, dim=(), keepdim=false", "largest element"),
    _array("amin", "x, dim=(), keepdim=false", "smallest element"),
    _array("norm", "x, p=2, dim=none, keepdim=false", "p-norm of the elements", ""),
    _array("logsumexp", "x, dim, keepdim=false", "log of the sum of exponentials"),
    _array("softmax", "x, dim", "exponentials divided by their sum", "F.softmax"),
    _array("log_softmax", "x, dim", "logarithm of softmax", "F.log_softmax"),
    _array("cumsum", "x, dim", "running sum"),
    _array("cumprod", "x, dim", "running product"),
    _array("sort", "x, dim=-1, descending=false", "sorted values", ""),
    # linear algebra
    _array("dot", "x, y", "inner product of two vectors"),
    _array("outer", "x, y", "outer product of two vectors"),
    _array("matmul", "x, y", "matrix product, as @"),
    _array("einsum", "equation, *operands", "sum of products by index letters"),
    _array("trace", "x", "sum of a matrix's diagonal"),
    _array("det", "x", "determinant of a square matrix", "torch.linalg.det"),
    _array("inv", "x", "inverse of a square matrix", "torch.linalg.inv"),
    # shape
    _array("transpose", "x, dim0, dim1", "two dimensions exchanged"),
    _array("T", "x", "transpose of a matrix, as .T", ""),
    _array("mT", "x", "transpose of the last two dimensions, as .mT", ""),
    _array("reshape", "x, shape", "same elements in another shape"),
    _array("flatten", "x, start_dim=0, end_dim=-1", "a range of dimensions joined into one"),
    _array("permute", "x, dims", "dimensions in another order"),
    _array("unsqueeze", "x, dim", "a dimension of size 1 added"),
    _array("squeeze", "x, dim=none", "dimensions of size 1 removed", ""),
    _array("expand", "x, sizes", "repeated along dimensions of size 1", ""),
    _array("cat", "tensors, dim=0", "arrays joined along a dimension"),
    _array("stack", "tensors, dim=0", "arrays joined along a new dimension"),
    _array("roll", "x, shifts, dims=none", "elements moved around a dimension"),
    _array("flip", "x, dims", "order reversed along dimensions"),
    _array("diag", "x, diagonal=0", "diagonal of a matrix, or the matrix of a diagonal"),
    _array("tril", "x, diagonal=0", "lower triangle, zero above"),
    _array("triu", "x, diagonal=0", "upper triangle, zero below"),
    _array("eye", "n", "identity matrix", ""),
    _array("zeros", "size", "array of zeros", ""),
    _array("ones", "size", "array of ones", ""),
    _array("detach", "x", "x, held constant by differentiation", ""),
    _defined("clone", "x", "x", "x, in memory of its own"),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}

CONSTANTS = ("pi", "e", "inf")


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function; default None means that it must be given."""

    name: str
    default: str | None  # in the language: "none", "false", "1", "()"
    variadic: bool = False


@cache
def parameters(signature: str) -> tuple[Parameter, ...]:
    """The parameters that a signature's text declares."""
    declared = []
    for part in signature.split(", "):
        name, has_default, default = part.partition("=")
        declared.append(
            Parameter(name.lstrip("*"), default if has_default else None, name.startswith("*"))
        )
    return tuple(declared)
