"""What an implementation does not support, told from what it does wrongly.

torch has no exception of its own for that: it raises RuntimeError or NotImplementedError with a
text. The texts here are those of torch 2.13; a test provokes each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from gradcheck_sym.autograd.implementation import ImplementationError, told


@final
class Feature(StrEnum):
    """What an implementation may lack."""

    DTYPE = "the dtype"
    DERIVATIVE = "this derivative"
    GRAD = "torch.autograd.grad"
    LAYOUT = "the layout"
    FORWARD_MODE = "forward mode"
    VMAP = "vmap"
    COMPILE = "torch.compile"
    SECOND_BACKWARD = "a second backward through one graph"
    REWRITTEN = "a derivative through work in place"
    OTHER = "this"


@final
@dataclass(frozen=True, slots=True)
class Unsupported:
    """One thing that an implementation does not support."""

    feature: Feature
    reason: str  # as a phrase, mostly torch's own


@final
class UnsupportedError(ImplementationError):
    """The implementation cannot do what was asked of it, which is no mistake in what it does."""

    def __init__(self, feature: Feature, reason: str) -> None:
        self.what = Unsupported(feature, reason)
        super().__init__(f"{feature} is not supported: {reason}")


def unsupported(error: BaseException) -> Unsupported | None:
    """What an exception says is not supported; None where it says something else."""
    if isinstance(error, UnsupportedError):
        return error.what
    if type(error).__module__.startswith(_COMPILER):
        return Unsupported(Feature.COMPILE, told(error))
    text = _text(error)
    if isinstance(error, _TELLING) and not _MISTAKES.search(text):
        for feature, pattern in _PATTERNS:
            if pattern.search(text):
                return Unsupported(feature, told(error))
    return None


_COMPILER = ("torch._dynamo.", "torch._inductor.", "torch._functorch.")
_TELLING = (RuntimeError, TypeError, ValueError)  # NotImplementedError is a RuntimeError


def _text(error: BaseException) -> str:
    """The whole text of an exception after its type's name, on one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        text = ""
    return f"{type(error).__name__}: {text}"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


# A dtype, and a complaint about it, in either order.
_DTYPE = (
    r"\b(dtypes?|scalar ?types?|half|(8|16|32|64)[- ]bits?|b?float(16|32|64)|"
    r"complex(64|128|half|float|double| types?| dtypes?)?)\b"
)
_COMPLAINT = (
    r"\b(expect(s|ed)?|supports?|(un|not )supported|not implemented|must (be|have)|same|match|"
    r"only)\b"
)

# torch's word for a rule of forward mode that gives something no tangent can be: of another shape
# than the output, or nothing at all. It speaks of support and dtypes as well.
_MISTAKES = _any(
    "forward gradient that has a different size",
    "expected both tensor and its forward grad to be floating point or complex",
)

# In this order: what is specific first.
_PATTERNS = (
    (
        Feature.FORWARD_MODE,
        _any(
            "must implement the jvp function",
            "use forward AD with .* that does not support it",
            "nested forward mode AD is not supported",
        ),
    ),
    (
        Feature.VMAP,
        _any(
            "must override the setup_context staticmethod",
            "does not have vmap support",
            ": vmap: ",
            r"\b(inside( of)?|under) vmap\b",
            "functorch transform",
            r"during a grad \(vjp",
            r"torch\.func\.\{",
            "batching rule not implemented",
            "cannot access (data pointer|storage) of Tensor",
        ),
    ),
    (Feature.GRAD, _any(r"incompatible with \.grad\(\)")),
    (
        Feature.LAYOUT,
        _any(
            "not implemented for sparse",
            r"from the '\w*Sparse\w*' backend",
            "(negative|conjugate) bit",  # of a lazy view: who needs the memory resolves it
            "DispatchKey (Negative|Conjugate) ",  # torch itself, of operators in Python
        ),
    ),
    (Feature.SECOND_BACKWARD, _any("backward through the graph a second time")),
    (Feature.REWRITTEN, _any("has been modified by an inplace operation")),
    (
        Feature.DERIVATIVE,
        _any(
            "marked with @once_differentiable",
            "derivative for .* is not implemented",
            "must implement either the backward or vjp method",
            r"can't call \w+\(\) on (Tensor|Variable) that requires grad",
            "don't support automatic differentiation",
        ),
    ),
    (Feature.DTYPE, _any(f"{_DTYPE}.*{_COMPLAINT}", f"{_COMPLAINT}.*{_DTYPE}")),
    (
        Feature.OTHER,
        _any(
            "^NotImplementedError:",
            "(not|n't)( yet| currently)? (support|supported|implemented)",
            r"\bunsupported\b(?! operand)",  # Python's own complaint is a mistake like any other
        ),
    ),
)
