"""What a torch operator takes, as far as torch says so; and shapes that it accepts, by trying."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor

from gradcheck_sym.autograd.functions import operator
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.spec.operators import FORBIDDEN_OPTIONS

Kind = Literal["tensor", "number", "whole", "other"]

MISSING = inspect.Parameter.empty

_SHAPES: tuple[tuple[str, ...], ...] = (("n",), ("n", "n"), ("m", "n"), ("b", "m", "n"), ())
_SIZES = {"n": 3, "m": 2, "b": 2}
_WHOLE = (0, 1, 2, 3)  # values tried for a parameter that must be given, such as dim
_NUMBER = 0.5  # for a number that must be given
_MOST_TENSORS = 3  # whose shapes are looked for together


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operator."""

    name: str
    kind: Kind
    default: object  # MISSING: it must be given


@final
@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that worked."""

    shapes: Mapping[str, tuple[str, ...]]  # of the tensors, in names of sizes
    whole: Mapping[str, int]  # of the whole numbers that must be given


def signature(dotted: str) -> tuple[Parameter, ...]:
    """The parameters of an operator of the table, but for those that a spec may not give.

    From its annotations where it is written in Python, else from its schema, else from what torch
    knows for overriding it. Nothing where torch tells nothing.
    """
    found = _from_python(operator(dotted)) or _from_schema(dotted) or _overriding(dotted)
    unwanted = FORBIDDEN_OPTIONS | {"_stacklevel"}
    return tuple(each for each in found if each.name not in unwanted)


def _from_python(function: Any) -> tuple[Parameter, ...]:
    try:
        found = inspect.signature(function, eval_str=True).parameters.values()
    except (ValueError, TypeError, NameError):
        return ()
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in found):
        return ()
    return tuple(Parameter(each.name, _kind(each.annotation), each.default) for each in found)


def _from_schema(dotted: str) -> tuple[Parameter, ...]:
    """Of the first overload with a tensor that returns its result."""
    name = dotted.removeprefix("torch.").removeprefix("F.").replace(".", "_")
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        found = tuple(map(_argument, schema.arguments))
        is_out = any(each.is_out for each in schema.arguments)
        if any(each.kind == "tensor" for each in found) and not is_out:
            return found
    return ()


def _argument(given: Any) -> Parameter:
    name = "input" if given.name == "self" else given.name
    default = given.default_value if given.has_default_value() else MISSING
    return Parameter(name, _kind(str(given.type)), default)


def _overriding(dotted: str) -> tuple[Parameter, ...]:
    known = torch.overrides.get_testing_overrides().get(operator(dotted))
    if known is None:
        return ()
    found = inspect.signature(known).parameters.values()
    return tuple(
        Parameter(each.name, "tensor" if each.default is MISSING else "other", each.default)
        for each in found
    )


_KNOWN: Mapping[object, Kind] = {
    Tensor: "tensor",
    "Tensor": "tensor",
    float: "number",
    "float": "number",
    "Scalar": "number",
    "number": "number",
    int: "whole",
    "int": "whole",
    list[int]: "whole",  # one number stands for a list of one
    "List[int]": "whole",
}


def _kind(said: object) -> Kind:
    return _KNOWN.get(said, "other")


def accepted(dotted: str, parameters: Sequence[Parameter]) -> Accepted | None:
    """Shapes that the operator takes, the simplest first; None where none of those tried is."""
    tensors = [each.name for each in parameters if each.kind == "tensor" and _asked(each)]
    whole = [each.name for each in parameters if each.kind == "whole" and _asked(each)]
    numbers = {each.name: _NUMBER for each in parameters if each.kind == "number" and _asked(each)}
    others = [each for each in parameters if each.kind == "other" and _asked(each)]
    if not 0 < len(tensors) <= _MOST_TENSORS or others:
        return None
    function = operator(dotted)
    with undisturbed(), torch.no_grad():
        for shapes in _choices(len(tensors)):
            for values in itertools.product(_WHOLE, repeat=len(whole)):
                given = dict(zip(whole, values, strict=True))
                if _works(function, shapes, numbers | given):
                    return Accepted(dict(zip(tensors, shapes, strict=True)), given)
    return None


def _asked(parameter: Parameter) -> bool:
    return parameter.default is MISSING


def _choices(count: int) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Shapes for so many tensors: first the same for all of them."""
    yield from ((shape,) * count for shape in _SHAPES)
    yield from (found for found in itertools.product(_SHAPES, repeat=count) if len(set(found)) > 1)


def _works(function: Any, shapes: Sequence[Sequence[str]], given: Mapping[str, float]) -> bool:
    """Whether a call gives a tensor of numbers."""
    tensors = [
        torch.rand([_SIZES[size] for size in shape], dtype=torch.float64) / 2 + 0.25
        for shape in shapes
    ]
    try:
        result = function(*tensors, **given)
    except Exception:  # noqa: BLE001 - whatever it raises, these are not its arguments
        return False
    return isinstance(result, Tensor) and result.is_floating_point() and result.numel() > 0
