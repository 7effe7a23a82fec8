"""torch's global state, kept as it was around code that may change it."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from gradcheck_sym.autograd.settings import kept, restore


@contextmanager
def undisturbed() -> Iterator[None]:
    """Gradients on, random numbers from a fixed seed; at the end all is as it was.

    Covers the settings of `settings`, grad and inference mode, the CPU generator and the warning
    filters: a warning neither becomes an error nor is printed thousands of times.
    """
    grad_mode = (torch.inference_mode(mode=False), torch.enable_grad())
    with left_alone(), grad_mode[0], grad_mode[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)  # a dropout repeats itself in every run
        yield


@contextmanager
def left_alone() -> Iterator[None]:
    """Whatever happens meanwhile, at the end torch's global state is what it was."""
    grad, before, generator = torch.is_grad_enabled(), kept(), torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        restore(before)
        torch.set_rng_state(generator)


@contextmanager
def repeatable() -> Iterator[None]:
    """Lets `reseed` be called at will; at the end Python's and NumPy's generators are as before.

    Apart from `undisturbed`, which torch's generator is left to, since it costs more than that.
    """
    drawn, drawn_arrays = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(drawn)
        np.random.set_state(drawn_arrays)


def reseed() -> None:
    """Makes all that draws random numbers by the usual generators draw the same ones again."""
    torch.default_generator.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread for torch's operators: on small tensors several only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def unwarned() -> Iterator[None]:
    """Keeps torch from writing, at each call, that an operator has no rule of its own for vmap.

    What it writes from C++ passes Python's filters by; and it does not tell what was set before.
    """
    say = torch._C._functorch._set_vmap_fallback_warning_enabled  # type: ignore[attr-defined]
    say(False)
    try:
        yield
    finally:
        say(True)
