"""The table of what operations promise about rounding."""

from __future__ import annotations

import mpmath
import pytest
import torch

from gradcheck_sym.autograd import kernels
from gradcheck_sym.autograd.kernels import Kind, base_name, kind_of
from gradcheck_sym.autograd.trace import COMPARED

ATEN = torch.ops.aten
TABLES = ("_FACTORIES", "_EXACT", "_CASTS", "_ELEMENTARY", "_PLAIN", "_UNDERFLOWING")


def names() -> set[str]:
    """All operations that torch has, by their names in the tables."""
    every = {schema.name.partition("::")[2] for schema in torch._C._jit_get_all_schemas()}
    return every | {name.rstrip("_") for name in every} | {"convert_element_type"}


@pytest.mark.parametrize("table", TABLES)
def test_every_name_is_an_operation(table: str) -> None:
    """A slip of the pen would quietly make an operation one of unknown kind."""
    assert getattr(kernels, table) <= names()


def test_every_comparison_is_an_operation() -> None:
    """The same for what is watched for thresholds."""
    assert set(COMPARED) <= names()


def test_an_operation_has_one_kind() -> None:
    """No name stands in two tables of kinds."""
    kinds = [kernels._FACTORIES, kernels._EXACT, kernels._CASTS, kernels._ELEMENTARY]
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))
    assert kernels._UNDERFLOWING <= kernels._ELEMENTARY


@pytest.mark.parametrize(
    "operation, kind",
    [
        (ATEN.view.default, Kind.EXACT),
        (ATEN.slice.Tensor, Kind.EXACT),
        (ATEN.sort.default, Kind.EXACT),
        (ATEN._to_copy.default, Kind.CAST),
        (ATEN.copy_.default, Kind.CAST),
        (ATEN.mul_.Tensor, Kind.ELEMENTARY),
        (ATEN.exp.default, Kind.ELEMENTARY),
        (ATEN.div.Tensor, Kind.ELEMENTARY),
        (ATEN.div.Tensor_mode, Kind.STABLE),
        (ATEN.mm.default, Kind.STABLE),
        (ATEN.sum.dim_IntList, Kind.STABLE),
        (ATEN.gelu.default, Kind.STABLE),
        (ATEN._fft_r2c.default, Kind.NORMWISE),
        (ATEN.linalg_inv_ex.default, Kind.NORMWISE),
        (ATEN.linalg_cross.default, Kind.STABLE),
        (ATEN.full_like.default, Kind.FACTORY),
        (ATEN.lift_fresh.default, Kind.FACTORY),
    ],
)
def test_kinds(operation: object, kind: Kind) -> None:
    """Views, selections, casts, arithmetic, sums and factorizations are told apart."""
    assert kind_of(operation, ()) is kind


def test_arguments_matter() -> None:
    """The largest element is no arithmetic; accumulating is, and so is a complex modulus."""
    x = torch.ones(2)
    norm, put = ATEN.linalg_vector_norm.default, ATEN.index_put.default
    assert kind_of(norm, (x, float("inf"))) is Kind.EXACT
    assert kind_of(norm, (x, 2)) is Kind.STABLE
    assert kind_of(ATEN.abs.default, (x,)) is Kind.EXACT
    assert kind_of(ATEN.abs.default, (x.to(torch.complex64),)) is Kind.ELEMENTARY
    assert kind_of(put, (x, [x.long()], x, False)) is Kind.EXACT
    assert kind_of(put, (x, [x.long()], x, True)) is Kind.STABLE


def test_names_drop_the_mark_of_working_in_place() -> None:
    """mul_ is mul; a name that only begins with a low line keeps it."""
    assert base_name(ATEN.mul_.Tensor) == "mul"
    assert base_name(ATEN._to_copy.default) == "_to_copy"


def test_coarse_kernels() -> None:
    """What is told of the kernels with few digits is so, and not told of any other."""
    x = torch.linspace(0.5, 20, 40, dtype=torch.float64)
    trigamma = x.clone().apply_(lambda value: float(mpmath.psi(1, value)))
    relative, _ = kernels.coarseness(ATEN.polygamma.default, (1, x), x.dtype) or (0.0, 0.0)
    error = (torch.polygamma(1, x) - trigamma).abs() / trigamma
    assert 1e-13 < error.max() < relative
    near = torch.linspace(-1e-4, 1e-4, 99).bfloat16()
    _, absolute = kernels.coarseness(ATEN.erf.default, (near,), near.dtype) or (0.0, 0.0)
    error = (torch.erf(near).double() - torch.erf(near.double())).abs()
    assert 1e-8 < error.max() < absolute
    found = kernels.coarseness(ATEN.softplus.default, (x, 2.0), x.dtype)
    assert found is not None
    exact = x + torch.log1p(torch.exp(-2 * x)) / 2
    missing = exact - torch.nn.functional.softplus(x, 2.0)
    assert missing.max() > 1e-10
    assert (missing <= found[0] * exact + found[1]).all()
    found = kernels.coarseness(ATEN.softplus_backward.default, (x, x, 2.0, 20.0), x.dtype)
    assert found is not None
    missing = x * torch.sigmoid(-2 * x) * (2 * x > 20)
    assert missing.max() > 1e-9
    assert (missing <= found[0] * x).all()
    found = kernels.coarseness(ATEN.softplus.default, (x, 1.0, 5.0), x.dtype)
    assert found is not None
    assert torch.as_tensor(found[1]).max() == 0
    assert kernels.coarseness(ATEN.polygamma.default, (2, x), x.dtype) is None
    assert kernels.coarseness(ATEN.erf.default, (x,), x.dtype) is None
