"""What is under test: one callable from a spec, whatever the spec says it is."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gradcheck_sym.autograd.complexes import in_precision_of, parted, with_complex
from gradcheck_sym.autograd.functions import compiled_spec, sizes
from gradcheck_sym.autograd.installed import is_installed
from gradcheck_sym.autograd.operators import compiled_torch
from gradcheck_sym.autograd.origins import remember
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.trees import ambient_dtype
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.checks import GRAD_OUTPUT
from gradcheck_sym.spec.records import Expression, Spec

# A user's code may raise anything; leaving the program is no right of its.
RAISED = (Exception, SystemExit)

_NEAR = 1e-6  # of two ways to one number


class ImplementationError(Exception):
    """The implementation cannot be had, or what it returned is no result."""

    def __init__(self, reason: str) -> None:
        self.reason = reason  # what came and what was wanted, without the spec's name
        super().__init__(reason)


@final
@dataclass(frozen=True, slots=True)
class Implementation:
    """The function under test, from real tensors by input name to one real tensor.

    Complex ones are given and returned as their parts: (*shape, 2) with a last axis [re, im].
    """

    call: Callable[[Mapping[str, Tensor]], Tensor]  # raises ImplementationError on no such tensor
    kind: str  # "tree": the mathematics in torch's functions; "torch": operators; "user"
    description: str  # the text it was made from
    dtypes: Mapping[str, str] = field(default_factory=dict)  # inputs with a dtype of their own
    complex: frozenset[str] = frozenset()  # the inputs that the function itself has as complex
    stated: Callable[[Mapping[str, Tensor]], Any] | None = None  # the same, not by parts
    single: bool = False  # one operator of torch, which nobody composed


Given = Mapping[str, Callable[..., Any]]


def implementation(
    spec: Spec, allow_import: Collection[str] = (), given: Given = MappingProxyType({})
) -> Implementation:
    """The implementation that a spec states: its `torch` call, else its mathematics.

    `given` has functions by their name in `use`, in place of imported ones. `allow_import` names
    the modules, with all that is below them, that `use` may import; only then is anything
    imported. Raises ImplementationError where the spec states no function, a module is not
    permitted, or importing it or taking the attribute fails.
    """
    dtypes = {item.name: item.dtype for item in spec.inputs if item.dtype is not None}
    paired = frozenset(item.name for item in spec.inputs if item.complex)
    kind, description, function = _stated(spec, allow_import, given)
    call = _checked(function, paired)
    single = kind != "user" and _is_single(spec)
    fixed = MappingProxyType(dtypes)
    return Implementation(call, kind, description, fixed, paired, function, single)


def _is_single(spec: Spec) -> bool:
    """Whether torch is asked for one operator, and its result is the value."""
    said = spec.torch or spec.expr
    if said is None or (said is spec.expr and spec.let):
        return False
    working = [node for node in tree.walk(said.tree) if isinstance(node, _WORKING)]
    return len(working) == 1


_WORKING = (tree.Call, tree.Binary, tree.Unary, tree.Compare, tree.Index)


def conjugating(judged: Implementation, lazy: Collection[str]) -> Implementation:
    """The implementation, lent lazily conjugated tensors where inputs are complex.

    lazy: the inputs; with GRAD_OUTPUT among them, that of a complex result is one, too.
    """
    if judged.stated is None:
        return judged
    inputs = frozenset(lazy) & judged.complex
    return replace(judged, call=_checked(_lazily(judged.stated, inputs, lazy), judged.complex))


def _lazily(
    function: Callable[[Mapping[str, Tensor]], Any], inputs: Collection[str], lazy: Collection[str]
) -> Callable[[Mapping[str, Tensor]], Any]:
    def call(tensors: Mapping[str, Tensor]) -> Any:
        given = {k: t.conj_physical().conj() if k in inputs else t for k, t in tensors.items()}
        result = function(given)
        if GRAD_OUTPUT in lazy and isinstance(result, Tensor) and result.is_complex():
            return result.conj().conj_physical()  # the backward of conj hands on such a view
        return result

    return call


def over_lanes(
    judged: Implementation, points: Mapping[str, NDArray[np.float64]]
) -> Callable[[Mapping[str, Tensor]], Tensor] | None:
    """The function mapped over a leading axis of points; None where torch.func.vmap cannot.

    A user's own code is never mapped: what runs must be what its users run. Mapping is tried at
    the points, (points, *shape) by input name, and must give what the first and the last give
    alone: some of torch's rules mix the points up.
    """
    if judged.kind == "user":
        return None
    mapped: Callable[[Mapping[str, Tensor]], Tensor] = torch.func.vmap(judged.call)
    try:
        with undisturbed(), torch.no_grad():
            batch = {name: torch.tensor(array) for name, array in points.items()}
            results = mapped(batch)
            for lane in (0, -1):
                alone = judged.call({name: tensor[lane] for name, tensor in batch.items()})
                if not torch.allclose(results[lane], alone, rtol=_NEAR, equal_nan=True):
                    return None
    except RAISED:
        return None
    return mapped


def _stated(
    spec: Spec, allow_import: Collection[str], given: Given
) -> tuple[str, str, Callable[[Mapping[str, Tensor]], Any]]:
    if spec.torch is not None:
        own = {
            name: _callable(given[name]) if name in given else imported(name, target, allow_import)
            for name, target in spec.use
        }
        kind = "user" if own else "torch"
        return kind, spec.torch.text, _dialect(spec, spec.torch, own)
    if spec.expr is not None:
        return "tree", spec.expr.text, compiled_spec(spec)
    raise ImplementationError("the spec states neither torch nor expr")


def _dialect(
    spec: Spec, expression: Expression, own: Mapping[str, Callable[..., Any]]
) -> Callable[[Mapping[str, Tensor]], Any]:
    try:
        bound = {item.name for item in spec.inputs} | {dim.name for dim in spec.dims}
        return compiled_torch(expression.tree, frozenset(bound), own, partial(sizes, spec))
    except KeyError as missing:
        raise ImplementationError(f"torch: {missing.args[0]!r} is not permitted here") from None


def _checked(
    function: Callable[[Mapping[str, Tensor]], Any], paired: frozenset[str]
) -> Callable[[Mapping[str, Tensor]], Tensor]:
    """The function by parts; a result is refused that is no tensor, or of a narrower precision.

    One of a wider precision is what a user makes of it: rounded to that of the inputs. Of inputs of
    several the narrowest counts, as that of activations beside weights.
    """

    def call(tensors: Mapping[str, Tensor]) -> Tensor:
        given = with_complex(tensors, paired)
        result, dtype = function(given), narrowest_dtype(given.values())
        fault = _fault(result, dtype)
        if fault:
            raise ImplementationError(fault)
        checked: Tensor = (
            in_precision_of(result, dtype) if is_wider(result.dtype, dtype) else result
        )
        stepped = any(tensor.is_complex() for tensor in tensors.values())  # by a complex step
        return checked if stepped else parted(checked)

    return call


def narrowest_dtype(tensors: Collection[Tensor]) -> torch.dtype:
    """The dtype of least precision among floating and complex tensors; float64 without any."""
    dtype = ambient_dtype(tensors)
    for tensor in tensors:
        inexact = tensor.is_floating_point() or tensor.is_complex()
        if inexact and tensor.dtype is not dtype and is_wider(dtype, tensor.dtype):
            dtype = tensor.dtype
    return dtype


def _fault(result: object, dtype: torch.dtype) -> str:
    if not isinstance(result, Tensor):
        return f"returned {_kind_of(result)}, not a tensor"
    if not (_same_precision(result, dtype) or is_wider(result.dtype, dtype)):
        return f"returned a tensor of {_short(result.dtype)}; the inputs are {_short(dtype)}"
    if result.layout is not torch.strided:
        return f"returned a tensor of layout {_short(result.layout)}, not a dense one"
    return ""


def _same_precision(result: Tensor, dtype: torch.dtype) -> bool:
    """Whether they differ only in that one is real and the other complex."""
    inexact = result.is_floating_point() or result.is_complex()
    return inexact and result.dtype.to_real() is dtype.to_real()


def is_wider(dtype: torch.dtype, other: torch.dtype) -> bool:
    """Whether a dtype holds every number of another, real or complex, and more."""
    own, less = dtype.to_real(), other.to_real()
    return own is not less and own.is_floating_point and torch.promote_types(own, less) is own


def _kind_of(result: object) -> str:
    if isinstance(result, (tuple, list)):
        kinds = ", ".join(type(item).__name__ for item in result[:4])
        more = ", ..." if len(result) > 4 else ""
        return f"a {type(result).__name__} ({kinds}{more})"
    if result is None:
        return "None"
    return f"a {type(result).__name__}"


def _short(name: object) -> str:
    return str(name).removeprefix("torch.")


# --- the user's own code ------------------------------------------------------------------


def permitted(module: str, allow_import: Collection[str]) -> bool:
    """Whether a module is one of those named, or below one: `my` covers `my.sub`, not `mymod`."""
    return any(module == name or module.startswith(f"{name}.") for name in allow_import if name)


def imported(name: str, target: str, allow_import: Collection[str]) -> Callable[..., Any]:
    """The callable at "package.module:attribute", under the name a spec gives it in `use`.

    An nn.Module class is instantiated without arguments; an autograd.Function is applied. What the
    module has merely imported needs permission for where it is from: a module that uses
    `os.system` does not lend it to specs. Raises ImplementationError.
    """
    module_name, _, attribute = target.partition(":")
    if not permitted(module_name, allow_import):
        raise ImplementationError(
            f"use.{name}: importing {module_name!r} is not permitted;"
            f" --allow-import {module_name} permits it"
        )
    try:
        with undisturbed():
            module = _module(module_name)
            remember(module)
            found = _attribute(module, attribute, allow_import)
            return _callable(found)
    except RAISED as error:
        raise ImplementationError(f"use.{name}: {target}: {told(error)}") from error


def told(error: BaseException) -> str:
    """An exception as a phrase: its type and the first line of its text, whatever that is."""
    if isinstance(error, ImplementationError):
        return error.reason
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        lines = []
    first = lines[0][:300] if lines else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _module(name: str) -> Any:
    _make_current_directory_importable()
    return importlib.import_module(name)


def _make_current_directory_importable() -> None:
    """As `python -m` has it, whichever way we were started; `python -P` asks for the contrary."""
    current = str(Path.cwd())
    if not sys.flags.safe_path and not {"", current} & set(sys.path):
        sys.path.insert(0, current)


def _attribute(module: Any, dotted: str, allow_import: Collection[str]) -> Any:
    """What a dotted path names: an attribute of the module, or of a class inside it."""
    holder, *names = dotted.split(".")
    found = getattr(module, holder)
    _check_home(found, module.__name__, allow_import)
    for name in names:
        if not isinstance(found, type) or name.startswith("__"):
            raise ImplementationError("a dotted attribute may only lead through classes")
        found = getattr(found, name)
    return found


def _check_home(found: Any, module: str, allow_import: Collection[str]) -> None:
    """Refuse a function or class of Python's library, or of an installed package not permitted."""
    owner = found.__self__ if isinstance(found, MethodType) else found  # of Function.apply: whose
    home = getattr(owner, "__module__", None) if isinstance(owner, _DEFINED) else None
    if not isinstance(home, str) or not is_installed(home):
        return
    if not permitted(home, (module.partition(".")[0], *_MATHEMATICS, *allow_import)):
        name = found.__name__
        raise ImplementationError(f"{name} is from {home!r}; --allow-import {home} permits it")


# What says where it is from; of other callables, such as partials, only the class does.
_DEFINED = (type, FunctionType, BuiltinFunctionType)

# Of torch, what computes; not what loads, saves or compiles.
_MATHEMATICS = (
    "torch._C",
    "torch._ops",
    "torch.fft",
    "torch.functional",
    "torch.linalg",
    "torch.nn",
    "torch.special",
)


def _callable(found: Any) -> Callable[..., Any]:
    if isinstance(found, type) and issubclass(found, torch.autograd.Function):
        function: Callable[..., Any] = found.apply
        return function
    if isinstance(found, type) and issubclass(found, nn.Module):
        found = found()
    if isinstance(found, nn.Module):
        return _in_dtype_of_inputs(found)
    if not callable(found):
        raise ImplementationError(f"{_kind_of(found)} is not a function")
    return found  # type: ignore[no-any-return]


def _in_dtype_of_inputs(module: nn.Module) -> Callable[..., Any]:
    """The module, its parameters and buffers converted to the dtype it is called in."""
    if not module.state_dict():
        return module

    copies: dict[torch.dtype, nn.Module] = {}

    def converted(dtype: torch.dtype) -> nn.Module:
        if dtype not in copies:
            with torch.inference_mode(mode=False):  # they are kept for calls that want a gradient
                copies[dtype] = copy.deepcopy(module)
                copies[dtype]._apply(lambda tensor: in_precision_of(tensor, dtype))  # type: ignore[no-untyped-call]
        return copies[dtype]

    def call(*arguments: Any, **options: Any) -> Any:
        tensors = [value for value in (*arguments, *options.values()) if isinstance(value, Tensor)]
        return converted(ambient_dtype(tensors))(*arguments, **options)

    return call
