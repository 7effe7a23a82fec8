"""What is global in torch is read, written back, and told in words when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from gradcheck_sym.autograd.settings import SETTINGS, ambient, changed, kept, restore
from gradcheck_sym.autograd.state import undisturbed, unwarned

# One way to leave each setting changed, and what is said of it.
CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    "the default dtype": (lambda: torch.set_default_dtype(torch.float64), "float32 before"),
    "the default device": (lambda: torch.set_default_device("meta"), "meta after"),
    "the number of threads": (lambda: torch.set_num_threads(3), "3 after"),
    "the use of deterministic algorithms": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        "off before, on after",
    ),
    "anomaly detection": (lambda: torch.autograd.set_detect_anomaly(True), "off before, on after"),
    "autocast": (lambda: torch.autocast("cpu").__enter__(), "off before, on after"),
    "the precision of float32 matrix products": (
        lambda: torch.set_float32_matmul_precision("medium"),
        "highest before, medium after",
    ),
    "whether subnormal numbers are flushed to 0": (
        lambda: torch.set_flush_denormal(True),
        "off before, on after",
    ),
    "the levels of forward mode": (forward_ad.enter_dual_level, "-1 before, 0 after"),
    "NumPy's handling of floating-point errors": (lambda: np.seterr(all="raise"), "raise after"),
}


def test_every_setting_has_a_change() -> None:
    """A new row of the table is tested without anyone asking."""
    assert set(CHANGES) == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_and_undone(name: str) -> None:
    """Only that one is told; written back, nothing is."""
    change, words = CHANGES[name]
    before = ambient()
    try:
        change()
        (told,) = changed(before)
    finally:
        restore(before)
    assert told.startswith(name)
    assert words in told
    assert list(changed(before)) == []


def test_all_at_once_are_undone() -> None:
    """In an order in which each can be written back; new tensors are ordinary again."""
    before = kept()
    with undisturbed():
        for change, _ in CHANGES.values():
            change()
        torch.set_grad_enabled(False)
    assert kept() == before
    assert torch.is_grad_enabled()
    assert torch.tensor(1.0).dtype is torch.float32
    assert float(torch.tensor(2.0**-1022, dtype=torch.float64) / 2) > 0


def test_a_device_that_is_not_there_is_undone() -> None:
    """Not even an empty tensor can be made while it is set."""
    before = kept()
    with undisturbed():
        torch.set_default_device("cuda:63")
    assert kept() == before


def test_modes_that_stay_open_are_told() -> None:
    """Grad mode and inference mode belong to what is to be left as it is."""
    before = ambient()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        said = list(changed(before))
    assert said == ["grad mode (on before, off after)", "inference mode (off before, on after)"]


@torch.library.custom_op("tests_of_settings::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    """An operator without a rule for vmap."""
    return 2 * x


def test_torch_writes_nothing_of_missing_rules(capfd: pytest.CaptureFixture[str]) -> None:
    """But for whoever runs it otherwise, before and after."""
    lanes = torch.ones(3, 2)
    with unwarned():
        torch.func.vmap(twice)(lanes)
    assert not capfd.readouterr().err
    torch.func.vmap(twice)(lanes)
    assert "batching rule" in capfd.readouterr().err
