"""The table of torch's operators against the installed torch."""

from __future__ import annotations

import functools

import pytest

from gradcheck_sym.spec.operators import FORBIDDEN_OPTIONS, OPERATORS, canonical, path

torch = pytest.importorskip("torch")


def test_every_operator_exists_and_is_callable():
    """A name that torch does not have would be an error at the first use."""
    for operator in sorted(OPERATORS):
        assert callable(functools.reduce(getattr, path(operator), torch)), operator


def test_no_operator_writes_loads_or_draws():
    """By name: nothing in place, no input or output, no state, no random numbers."""
    assert not [name for name in OPERATORS if name.endswith("_")]
    assert not {
        "rand",
        "load",
        "save",
        "compile",
        "manual",
        "set",
        "dropout",
        "bernoulli",
        "get",
    } & {word for name in OPERATORS for word in name.rpartition(".")[2].split("_")}
    assert {"out", "inplace", "generator"} <= FORBIDDEN_OPTIONS


def test_the_table_has_what_the_first_specs_call():
    """A sample of every family."""
    wanted = """
    torch.sin torch.logsumexp torch.cumprod torch.einsum torch.gather torch.eye torch.where
    torch.roll F.softplus F.gelu F.layer_norm F.cross_entropy F.scaled_dot_product_attention
    F.conv2d F.max_pool2d F.batch_norm torch.linalg.det torch.linalg.vector_norm torch.special.ndtri
    torch.stft torch.lstm_cell torch._weight_norm torch.put torch.lobpcg torch.Tensor.unfold
    F.fractional_max_pool2d
    """
    assert set(wanted.split()) <= OPERATORS
    assert len(OPERATORS) > 300


def test_the_long_name_of_a_functional_is_its_short_one():
    """torch.nn.functional.x is F.x, and leads there."""
    assert canonical("torch.nn.functional.gelu") == canonical("nn.functional.gelu") == "F.gelu"
    assert canonical("torch.sin") == "torch.sin"
    assert path("F.gelu") == ("nn", "functional", "gelu")
    assert path("torch.linalg.det") == ("linalg", "det")
