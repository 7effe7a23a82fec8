"""Complex tensors at the edge of an implementation: outside it, all numbers are real.

An array of complex numbers is given and taken as its parts, (*shape, 2) with a last axis
[re, im], as torch.view_as_real lays them out. So the gradient of a real L comes as the parts of
torch's complex one, dL/dre + i*dL/dim (twice the derivative by the conjugate).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_PARTS = (torch.float64, torch.float32)


def with_complex(tensors: Mapping[str, Tensor], names: frozenset[str]) -> Mapping[str, Tensor]:
    """The tensors, those of these names as complex ones; TypeError for parts of another dtype."""
    if not names:
        return tensors
    return {name: joined(t) if name in names else t for name, t in tensors.items()}


def joined(parts: Tensor) -> Tensor:
    """The complex tensor of its parts (*shape, 2): a view, where memory allows it.

    Raises TypeError for parts of another dtype than float64 or float32.
    """
    if parts.dtype not in _PARTS:
        short = str(parts.dtype).removeprefix("torch.")
        raise TypeError(f"complex numbers with parts of the dtype {short} are not supported")
    return torch.view_as_complex(parts) if _in_pairs(parts) else torch.complex(*parts.unbind(-1))


def _in_pairs(parts: Tensor) -> bool:
    """Whether re and im lie side by side in memory, at even places."""
    *steps, last = parts.stride()
    return last == 1 and not any(place % 2 for place in (*steps, parts.storage_offset()))


def parted(result: Tensor) -> Tensor:
    """A tensor by its parts: (*shape, 2) of a complex one, a real one as it is."""
    if not result.is_complex():
        return result
    if not result.numel():  # to what is fed here in turn, torch gives strides that it refuses
        return torch.stack([result.real, result.imag], dim=-1)
    return torch.view_as_real(result.resolve_conj())


def realigned(parts: Tensor) -> Tensor:
    """The same, but what comes back to it is copied to where complex numbers may lie in memory.

    A part of something longer may begin at an odd place.
    """
    if parts.requires_grad:
        parts.register_hook(torch.clone)  # type: ignore[no-untyped-call]
    return parts


def in_precision_of(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor in the precision of a dtype: real, complex or whole numbers stay what they are."""
    if tensor.is_complex():
        return tensor.to(dtype.to_complex())
    return tensor.to(dtype.to_real()) if tensor.is_floating_point() else tensor
