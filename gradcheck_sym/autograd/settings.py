"""What is global in torch, and in NumPy beside it: read, and written back.

A row is one setting that code under test may leave changed. Grad mode, inference mode and the
random numbers are not here: contexts and generators keep those (see `state`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch.autograd import forward_ad

_LEAST_NORMAL = 2.0**-1022


@final
@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that is set for the whole process or thread."""

    name: str  # in words, after "the function changes"
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _deterministic() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def set_deterministic(value: tuple[bool, bool]) -> None:
    """Whether torch takes deterministic algorithms alone, and whether it only warns of others."""
    enabled, warns = value
    if "torch._inductor" in sys.modules:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)
    else:  # that would import the compiler to tell it
        torch.set_deterministic_debug_mode(("warn" if warns else "error") if enabled else "default")


def _anomaly() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _set_anomaly(value: tuple[bool, bool]) -> None:
    torch.set_anomaly_enabled(*value)


def _autocast() -> tuple[bool, torch.dtype, bool]:
    return (
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
    )


def _set_autocast(value: tuple[bool, torch.dtype, bool]) -> None:
    enabled, dtype, cached = value
    torch.set_autocast_enabled("cpu", enabled)
    torch.set_autocast_dtype("cpu", dtype)
    torch.set_autocast_cache_enabled(cached)


def _device() -> torch.device | None:
    """Where new tensors lie; None where there is no such device."""
    try:
        return torch.empty(0).device  # get_default_device takes twenty times as long
    except (RuntimeError, AssertionError):
        return None


def _set_device(value: torch.device | None) -> None:
    torch.set_default_device(None if value is None or value.type == "cpu" else value)


def _flushes() -> bool:
    """Whether subnormal results become 0: torch can set that, but does not tell."""
    return _LEAST_NORMAL / 2.0 == 0.0


def _level() -> int:
    """How many levels of forward mode are open: -1 for none."""
    return int(forward_ad._current_level)


def _set_level(value: int) -> None:
    while _level() > value:
        forward_ad.exit_dual_level()  # type: ignore[no-untyped-call]


SETTINGS = (
    Setting("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("the default device", _device, _set_device),
    Setting("the number of threads", torch.get_num_threads, torch.set_num_threads),
    Setting("the use of deterministic algorithms", _deterministic, set_deterministic),
    Setting("anomaly detection", _anomaly, _set_anomaly),
    Setting("autocast", _autocast, _set_autocast),
    Setting(
        "the precision of float32 matrix products",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    Setting("whether subnormal numbers are flushed to 0", _flushes, torch.set_flush_denormal),
    Setting("the levels of forward mode", _level, _set_level),
    Setting("NumPy's handling of floating-point errors", np.geterr, lambda kept: np.seterr(**kept)),
)
_MODES = {
    "grad mode": torch.is_grad_enabled,
    "inference mode": torch.is_inference_mode_enabled,
}

Kept = Mapping[str, Any]  # name -> value


def kept() -> Kept:
    """The settings as they are now."""
    return {setting.name: setting.read() for setting in SETTINGS}


def restore(before: Kept) -> None:
    """Sets what is otherwise now back to what it was."""
    for setting in SETTINGS:
        if setting.read() != before[setting.name]:
            setting.write(before[setting.name])


def ambient() -> Kept:
    """All that code under test should leave as it is: the settings, grad and inference mode."""
    return {**kept(), **{name: read() for name, read in _MODES.items()}}


def changed(before: Kept) -> Iterator[str]:
    """What is otherwise now than in `before`, an answer of `ambient`, in words."""
    for name, value in ambient().items():
        if value != before[name]:
            yield f"{name} ({_told(before[name])} before, {_told(value)} after)"


def _told(value: object) -> str:
    """A setting in words; of those in parts, the first says most."""
    if isinstance(value, tuple):
        return _told(value[0])
    if isinstance(value, dict):
        return ", ".join(dict.fromkeys(value.values()))
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).removeprefix("torch.")
