"""What an ATen operation promises about rounding: the table behind the perturbed runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import accumulate
from typing import Any, final

import torch
from torch import Tensor
from torch._decomp import decomposition_table


@final
class Kind(Enum):
    """How an operation rounds."""

    FACTORY = "the result depends on no number that went in"
    EXACT = "moves, selects or compares numbers; changes signs; cuts off digits on purpose"
    CAST = "exact where the numbers fit the new dtype, else rounds once"
    ELEMENTARY = "right to a few units in the last place, whatever goes in"
    STABLE = "right for inputs that differ by a few units in the last place each"
    NORMWISE = "right for inputs that differ by that much of the largest of the matrix"


_FACTORIES = frozenset(
    """arange bernoulli empty empty_like empty_strided eye full full_like lift_fresh linspace
    logspace new_empty new_empty_strided new_full new_ones new_zeros normal ones ones_like rand
    rand_like randint randint_like randn randn_like randperm scalar_tensor uniform zeros
    zeros_like""".split()
)

_EXACT = frozenset(
    """_conj_physical _linalg_check_errors _local_scalar_dense _unique2 _unsafe_index _unsafe_view
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d abs
    adaptive_max_pool2d adaptive_max_pool3d alias_copy all amax amin aminmax any argmax argmin
    argsort as_strided_copy as_strided_scatter bincount bitwise_and bitwise_not bitwise_or
    bitwise_xor bucketize cat ceil channel_shuffle clamp clamp_max clamp_min clone complex
    conj_physical constant_pad_nd copysign count_nonzero cummax cummin detach diag_embed
    diagonal_backward diagonal_copy diagonal_scatter embedding eq equal expand_copy fill flip
    floor fmax fmin fmod frac fractional_max_pool2d fractional_max_pool3d frexp gather ge gt
    hardshrink hardtanh hardtanh_backward heaviside im2col index index_copy index_fill index_put
    index_select isfinite isin isinf isnan isneginf isposinf kthvalue le lift logical_and
    logical_not logical_or logical_xor lt masked_fill masked_scatter masked_select max
    max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d maximum median min
    minimum mode nan_to_num nanmedian narrow_copy ne neg nextafter nonzero permute_copy
    pixel_shuffle pixel_unshuffle put reflection_pad1d reflection_pad2d reflection_pad3d relu
    repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d resize roll
    rot90 round scatter searchsorted select_backward select_scatter sgn sign signbit
    slice_backward slice_scatter sort split_with_sizes_copy squeeze_copy stack t_copy take
    threshold threshold_backward topk transpose_copy tril triu trunc unbind_copy unfold_copy
    unique_consecutive unique_dim unsafe_split unsafe_split_with_sizes unsqueeze_copy
    upsample_nearest1d upsample_nearest2d upsample_nearest3d view_copy where zero""".split()
)

_CASTS = frozenset(("_to_copy", "convert_element_type", "copy", "to"))

_ELEMENTARY = frozenset(
    """acos acosh add addcdiv addcmul asin asinh atan atan2 atanh cos cosh div erf erfc exp exp2
    expm1 hypot log log10 log1p log2 mul pow reciprocal rsqrt rsub sigmoid sin sinh sqrt square
    sub tan tanh xlogy""".split()
)

# Reductions, contractions and quotients cut off: what moves their inputs moves all that they do
# inside. A quotient's decomposition does not: it rounds in a wider dtype, or not at all.
_PLAIN = frozenset(
    """addbmm addmm addmv addr baddbmm cumprod cumsum div dot floor_divide index_add mean mv nansum
    prod softplus softplus_backward sum trace vdot""".split()
)

_FACTORS = frozenset(("cumprod", "prod"))
_WIDEST = frozenset((torch.float64, torch.complex128))
_MOST_FACTORS = 64  # those of longer products are not taken one by one

_SOFTPLUS = 20.0  # the threshold of torch's that nobody asked for

_PRODUCTS = frozenset(("bmm", "mm"))
_OWN = frozenset(("aten", "prim", "prims"))  # torch's namespaces of operations

# Exact of a real number, made of a root of squares of a complex one.
_OF_MODULUS = frozenset(("abs", "sgn"))
_REDUCING = frozenset(("index_reduce", "scatter_reduce"))  # the fifth argument says how

# Multiplications of some kind: where no operand is 0 and the result is, it is not, but rounded.
_UNDERFLOWING = frozenset("div erfc exp exp2 mul pow reciprocal sigmoid square".split())

# LU, QR, Cholesky and eigenvalues are backward stable normwise only (Higham, chapters 9, 10, 19),
# and so is the fast Fourier transform (24.1): a small element carries the rounding of a large one.
_NORMWISE = ("_cholesky", "_fft_", "_linalg_", "cholesky", "geqrf", "householder", "linalg_", "lu_")
_COMPONENTWISE = frozenset(("linalg_cross", "linalg_vector_norm"))

# Those that divide by a matrix: what they make of one that is singular within a roundoff is noise.
# A triangular one is mostly a factor, with the rounding of what it is a factor of.
_SOLVING = frozenset(
    """_linalg_solve_ex cholesky_inverse cholesky_solve linalg_inv_ex linalg_lu_solve
    linalg_solve_triangular""".split()
)


def kind_of(function: Any, arguments: Sequence[Any]) -> Kind:
    """How an operation with these positional arguments rounds; STABLE where nothing is known."""
    kind, name = _known(function)
    if name == "linalg_vector_norm" and _selects(arguments):
        return Kind.EXACT
    if name in _OF_MODULUS and any(tensor.is_complex() for tensor in tensors(*arguments)):
        return Kind.ELEMENTARY
    if name in _REDUCING and len(arguments) > 4 and arguments[4] in ("amax", "amin"):
        return Kind.EXACT
    if name == "index_put" and len(arguments) > 3 and arguments[3]:  # accumulates
        return Kind.STABLE
    return kind


def _selects(arguments: Sequence[Any]) -> bool:
    """Whether a vector norm is the largest or smallest element, or counts."""
    return len(arguments) > 1 and arguments[1] in (math.inf, -math.inf, 0)


@cache
def _known(function: Any) -> tuple[Kind, str]:
    schema = function._schema
    name = base_name(function)
    if name in _FACTORIES:
        return Kind.FACTORY, name
    if name in _CASTS:
        return Kind.CAST, name
    aliases = (result.alias_info for result in schema.returns)
    if name in _EXACT or any(alias is not None and not alias.is_write for alias in aliases):
        return Kind.EXACT, name
    if name in _ELEMENTARY and not schema.overload_name.endswith("_mode"):  # a quotient cut off
        return Kind.ELEMENTARY, name
    if name.startswith(_NORMWISE) and name not in _COMPONENTWISE:
        return Kind.NORMWISE, name
    return Kind.STABLE, name


def is_seen_through(function: Any, arguments: Sequence[Any]) -> bool:
    """Whether a perturbed run reaches all that is rounded inside: no other kernel is at work."""
    if function.namespace not in _OWN:
        return False
    kind, name = kind_of(function, arguments), base_name(function)
    inside = kind in (Kind.STABLE, Kind.NORMWISE) and name not in _PLAIN | _PRODUCTS
    return not inside or written_out(function) is not None


def base_name(function: Any) -> str:
    """The name of an operation without namespace, overload and the mark of working in place."""
    name: str = function._schema.name.partition("::")[2]
    return name.rstrip("_") if function._schema.is_mutable else name


def tensors(*given: Any) -> list[Tensor]:
    """All tensors among arguments or results, in order."""
    found: list[Tensor] = []
    _gather(given, found)
    return found


def _gather(given: Iterable[Any], found: list[Tensor]) -> None:
    for item in given:
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            _gather(item, found)
        elif isinstance(item, dict):
            _gather(item.values(), found)


def written(function: Any, arguments: Sequence[Any], options: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes to."""
    places = _written(function)
    given = [arguments[k] if k < len(arguments) else options.get(name) for k, name in places]
    return tensors(given)


@cache
def _written(function: Any) -> tuple[tuple[int, str], ...]:
    return tuple(
        (place, argument.name)
        for place, argument in enumerate(function._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


@cache
def written_out(function: Any) -> Callable[..., Any] | None:
    """A fused function in terms of simpler ones; None where it has none, or needs none.

    1 + erf(x) inside gelu loses digits that no change of the input shows. What torch itself
    composes of others, such as matmul, comes apart in autograd already, except without one.
    """
    if function._can_decompose():
        return function.decompose  # type: ignore[no-any-return]
    if base_name(function) in _PLAIN or function._schema.is_mutable:
        return None
    if torch.Tag.nondeterministic_seeded in function.tags:  # it would draw other numbers
        return None
    table: Mapping[Any, Callable[..., Any]] = decomposition_table
    return table.get(function)


def factor_by_factor(function: Any, arguments: Sequence[Any]) -> Callable[..., Any] | None:
    """A product along an axis as its multiplications, one after the other; None for the rest.

    What underflows on the way, and is multiplied by something large, is off by far more than
    changes of the factors show. Of fewer bits torch multiplies in a dtype with more range.
    """
    name = base_name(function)
    if name not in _FACTORS or function._schema.is_mutable or len(arguments) > 2:
        return None
    (tensor, axis) = arguments if len(arguments) == 2 else (arguments[0].reshape(-1), 0)
    if tensor.dtype not in _WIDEST or not isinstance(axis, int) or not tensor.dim():
        return None
    if not 1 < tensor.shape[axis] <= _MOST_FACTORS:
        return None

    def multiplied(*_: Any) -> Tensor:
        found = list(accumulate(tensor.unbind(axis), torch.mul))
        return torch.stack(found, axis) if name == "cumprod" else found[-1]

    return multiplied


def coarseness(
    function: Any, arguments: Sequence[Any], dtype: torch.dtype
) -> tuple[float | Tensor, float | Tensor] | None:
    """What a kernel with fewer digits than its dtype is off by: relatively, and absolutely.

    None for all other kernels. Measured on torch 2.13.0, for the CPU, and rounded up: the series
    of polygamma(1, x) ends early, and erf in bfloat16 is a polynomial. Softplus leaves out what is
    added to x beyond a threshold, 2e-9 at 20; a lower one is the doing of who asks for it.
    """
    match base_name(function), dtype:
        case "polygamma", _ if arguments[0] == 1:
            return 2.0**-30, 0.0
        case "erf", torch.bfloat16:
            return 0.0, 2.0**-21
        case "softplus", _:
            beta = arguments[1] if len(arguments) > 1 else 1.0
            return torch.finfo(dtype).eps, _left_out(*arguments) / beta
        case "softplus_backward", _:
            return torch.finfo(dtype).eps + _left_out(*arguments[1:]), 0.0
    return None


def _left_out(x: Tensor, beta: float = 1.0, threshold: float = _SOFTPLUS) -> Tensor:
    """What softplus leaves out of exp(-beta*x): nothing up to its threshold."""
    scaled = x.detach().double() * beta
    return torch.where(scaled > max(threshold, _SOFTPLUS), torch.exp(-scaled), 0.0)


def may_underflow(function: Any, arguments: Sequence[Any]) -> bool:
    """Whether a 0 among the results, from no 0 among the operands, is a smaller number rounded."""
    zeros = (isinstance(operand, (int, float)) and operand == 0 for operand in arguments)
    return base_name(function) in _UNDERFLOWING and not any(zeros)


def divides_by_a_matrix(function: Any) -> bool:
    """Whether an operation solves linear systems, or inverts, and may so lose all digits."""
    return base_name(function) in _SOLVING


def axes_together(function: Any, arguments: Sequence[Any], dims: int) -> tuple[int, ...]:
    """The axes over which a normwise operation mixes the elements of one argument."""
    if base_name(function).startswith("_fft_"):
        return tuple(arguments[1])
    return tuple(range(max(dims - 2, 0), dims))
