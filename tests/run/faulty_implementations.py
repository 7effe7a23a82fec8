"""Implementations that do to their process what unfinished code does."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

_HELD: list[Any] = []


def square(x: Tensor) -> Tensor:
    """What all of them should compute."""
    return x * x


def hangs(x: Tensor) -> Tensor:
    """Gives up the interpreter now and then."""
    while True:
        time.sleep(0.01)


def hangs_in_c(x: Tensor) -> Tensor:
    """Never gives up the interpreter, so that no thread of Python's can act."""
    ctypes.PyDLL(None).sleep(1000)
    return x * x


def crashes(x: Tensor) -> Tensor:
    """Reads where nothing is."""
    ctypes.string_at(0)
    return x * x


def aborts(x: Tensor) -> Tensor:
    """As a failed assertion in C does."""
    os.abort()


def ends(x: Tensor) -> Tensor:
    """Successfully, as it says."""
    os._exit(0)


def ends_with_three(x: Tensor) -> Tensor:
    """With an exit code of its own."""
    os._exit(3)


def exits(x: Tensor) -> Tensor:
    """As a script does."""
    sys.exit("that is all")


def interrupts(x: Tensor) -> Tensor:
    """As if somebody were at the keyboard."""
    raise KeyboardInterrupt


def takes_all_memory(x: Tensor) -> Tensor:
    """Bit by bit, and holds it."""
    while True:
        _HELD.append(np.ones(2**22))


def asks_for_too_much(x: Tensor) -> Tensor:
    """At once."""
    torch.empty(2**45, dtype=torch.uint8)
    return x * x


def prints_megabytes(x: Tensor) -> Tensor:
    """Through Python and past it."""
    print("much " * 100_000)
    os.write(1, b"more " * 200_000)
    return x * x


def leaves_everything_changed(x: Tensor) -> Tensor:
    """Whatever is global in torch, and a folder."""
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    torch.autograd.set_detect_anomaly(True)
    torch.set_grad_enabled(False)
    torch.manual_seed(7)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("medium")
    torch.autocast("cpu").__enter__()
    if forward_ad._current_level < 0:
        forward_ad.enter_dual_level()
    mode = torch.inference_mode()
    mode.__enter__()
    _HELD.append(mode)
    np.seterr(all="raise")
    os.chdir("/")
    return x * x


def returns_garbage(x: Tensor) -> Any:
    """Something that raises whenever one looks at it."""

    class Garbage(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_: Any, **__: Any) -> Any:
            raise RuntimeError("garbage")

    return (x * x).as_subclass(Garbage)


def raises_far_out(x: Tensor) -> Tensor:
    """At some points only."""
    if bool((x.detach().abs() > 2.9).any()):
        raise ValueError("too far out")
    return x * x


def closes_everything(x: Tensor) -> Tensor:
    """Also the files that others use."""
    os.closerange(3, 1000)
    return x * x


def killed_once(x: Tensor) -> Tensor:
    """As from outside, but only the first time."""
    marker = os.environ["KILLED_ONCE"]
    if not os.path.exists(marker):
        with open(marker, "w", encoding="utf-8"):
            os.kill(os.getpid(), 9)
    return x * x
