"""Complex tensors by their parts: torch's complex gradient is the pair of real derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradcheck_sym.autograd.complexes import joined, parted
from gradcheck_sym.autograd.implementation import (
    Implementation,
    ImplementationError,
    implementation,
    imported,
    over_lanes,
)
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.support import Feature, unsupported
from gradcheck_sym.spec.records import Spec

Make = Callable[..., Spec]
Complexes = torch.complex128

POINTS = torch.tensor([1 + 2j, -0.5 + 0.25j, 2 - 1j, 0.125 - 3j], dtype=Complexes)
FED = torch.tensor([1, 2j, -1 + 0.5j, 0.75 + 2j], dtype=Complexes)

# Functions of z by their derivative: g*conj(f') is the product.
HOLOMORPHIC: Mapping[str, Callable[[Tensor], Tensor]] = {
    "z**2": lambda z: 2 * z,
    "exp(z)": torch.exp,
    "log(z)": lambda z: 1 / z,
    "sin(z)": torch.cos,
    "tanh(z)": lambda z: 1 / torch.cosh(z) ** 2,
    "1/z": lambda z: -1 / z**2,
    "complex(0, 1)*z": lambda z: torch.full_like(z, 1j),
}
# Functions of z by their derivatives by z and by conj(z) (Wirtinger): the product is
# conj(g)*df/dconj + g*conj(df/dz).
OTHERS: Mapping[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "conj(z)": (torch.zeros_like, torch.ones_like),
    "z*conj(z)": (torch.conj, lambda z: z),
    "z*conj(z)**2": (lambda z: z.conj() ** 2, lambda z: 2 * z * z.conj()),
    "z*real(z)": (lambda z: (2 * z + z.conj()) / 2, lambda z: z / 2),
    "complex(imag(z), real(z))": (lambda z: torch.zeros_like(z), lambda z: torch.full_like(z, 1j)),
}
# Real functions of z by twice the derivative by conj(z), which is the gradient.
REAL: Mapping[str, Callable[[Tensor], Tensor]] = {
    "abs(z)**2": lambda z: 2 * z,
    "abs(z)": lambda z: z / z.abs(),
    "real(z)": torch.ones_like,
    "imag(z)": lambda z: torch.full_like(z, 1j),
    "angle(z)": lambda z: 1j * z / z.abs() ** 2,
}


def parts(tensor: Tensor) -> Any:
    """The parts of a complex tensor as an array."""
    return parted(tensor.resolve_conj()).numpy()


@pytest.fixture
def of_z(spec_of: Make) -> Callable[..., Implementation]:
    """Make the implementation of an expression of one complex vector z."""

    def made(expr: str | None = None, shape: tuple[int | str, ...] = ("n",), **options: Any) -> Any:
        spec = spec_of({"z": shape}, expr=expr, **options)
        return implementation(replace(spec, inputs=(replace(spec.inputs[0], complex=True),)))

    return made


def gradient(function: Implementation, fed: Any, mode: str = "each") -> Any:
    """The gradient by z at POINTS, one lane, as complex numbers; nothing went wrong."""
    claims = reverse(function, {"z": parts(POINTS)[None]}, ("z",), fed[None], "float64", mode)
    assert claims.problems == {}
    found = claims.gradients["z"]
    assert found is not None
    return found[0, :, 0] + 1j * found[0, :, 1]


@pytest.mark.parametrize("expr", HOLOMORPHIC)
@pytest.mark.parametrize("mode", ["each", "vmap"])
def test_holomorphic(expr: str, mode: str, of_z: Callable[..., Implementation]) -> None:
    """The product with g is g*conj(f'(z)), whose parts are the real derivatives."""
    wanted = FED * HOLOMORPHIC[expr](POINTS).conj()
    assert np.allclose(gradient(of_z(expr), parts(FED), mode), wanted.numpy(), rtol=1e-13)


@pytest.mark.parametrize("expr", OTHERS)
def test_not_holomorphic(expr: str, of_z: Callable[..., Implementation]) -> None:
    """Both of Wirtinger's derivatives have a share."""
    by_z, by_conj = (derivative(POINTS) for derivative in OTHERS[expr])
    wanted = FED.conj() * by_conj + FED * by_z.conj()
    assert np.allclose(gradient(of_z(expr), parts(FED)), wanted.resolve_conj().numpy(), rtol=1e-13)


@pytest.mark.parametrize("expr", REAL)
def test_real_results(expr: str, of_z: Callable[..., Implementation]) -> None:
    """The gradient of a real function is twice the derivative by conj(z)."""
    fed = np.array([1.0, -2.0, 0.5, 3.0])
    wanted = fed * REAL[expr](POINTS).numpy()
    assert np.allclose(gradient(of_z(expr), fed), wanted, rtol=1e-13)


@pytest.mark.parametrize("expr", [*HOLOMORPHIC, *OTHERS, *REAL])
def test_parts_are_the_real_derivatives(expr: str, of_z: Callable[..., Implementation]) -> None:
    """What comes back as [re, im] is what moving re and im alone does to sum(g*result)."""
    function = of_z(expr)
    fed = parts(FED) if expr not in REAL else np.array([1.0, -2.0, 0.5, 3.0])
    found = gradient(function, fed)
    here, step = parted(POINTS), 1e-6
    for lane, part in np.ndindex(4, 2):
        moved = torch.zeros_like(here)
        moved[lane, part] = step
        ends = [(function.call({"z": here + sign * moved}).numpy() * fed).sum() for sign in (-1, 1)]
        measured = (ends[1] - ends[0]) / (2 * step)
        claimed = found[lane].imag if part else found[lane].real
        assert abs(measured - claimed) <= 1e-7 * (1 + abs(claimed))


def test_facts(of_z: Callable[..., Implementation]) -> None:
    """|z|**2 at 1+2i has the gradient 2+4i; the product of z**2 with 1 is 2-4i."""
    assert gradient(of_z("abs(z)**2"), np.ones(4))[0] == pytest.approx(2 + 4j)
    assert gradient(of_z("z**2"), parts(torch.ones(4, dtype=Complexes)))[0] == 2 - 4j


def test_the_torch_dialect(of_z: Callable[..., Implementation]) -> None:
    """Operators see complex tensors; results that are lazily conjugated are resolved."""
    found = of_z(torch="torch.conj(z)").call({"z": parted(POINTS)})
    assert found.dtype is torch.float64
    assert torch.equal(joined(found), POINTS.conj())


def test_real_and_complex_operands(of_z: Callable[..., Implementation]) -> None:
    """In the mathematics real arrays join complex ones in every product and every list."""
    z = {"z": parted(POINTS[:2])}
    for expr, wanted in (
        ("eye(2) @ z", POINTS[:2]),
        ("dot(z, [1, 2])", POINTS[0] + 2 * POINTS[1]),
        ("einsum('i,i->', z, ones(2))", POINTS[0] + POINTS[1]),
        ("outer([1, 2], z)[1]", 2 * POINTS[:2]),
        ("[1, z[0]]", torch.stack([torch.ones((), dtype=Complexes), POINTS[0]])),
        ("cat([z, zeros(1)])[:2]", POINTS[:2]),
        ("where(real(z) > 0, z, 0)", torch.stack([POINTS[0], 0 * POINTS[1]])),
        ("log(2)*z", np.log(2) * POINTS[:2]),
    ):
        assert torch.allclose(joined(of_z(expr).call(z)), wanted, rtol=1e-15), expr
    assert torch.equal(of_z("maximum(abs(z), 1)").call(z), POINTS[:2].abs().clamp(min=1))


def test_single_precision(of_z: Callable[..., Implementation]) -> None:
    """float32 parts are complex64, in values and in gradients."""
    seen = []
    function = of_z("z**2")
    result = function.call({"z": parted(POINTS.to(torch.complex64))})
    seen.append(result.dtype)
    claims = reverse(function, {"z": parts(POINTS)[None]}, ("z",), parts(FED)[None], "float32")
    assert claims.problems == {}
    assert seen == [torch.float32]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_not_supported(dtype: str, of_z: Callable[..., Implementation]) -> None:
    """There are no complex numbers of 16-bit parts, which is no mistake of the function's."""
    claims = reverse(of_z("z**2"), {"z": parts(POINTS)[None]}, ("z",), None, dtype)
    assert "complex numbers with parts of the dtype" in claims.problems[0]
    with pytest.raises(TypeError) as caught:
        joined(torch.zeros(2, dtype=getattr(torch, dtype)))
    found = unsupported(caught.value)
    assert found is not None
    assert found.feature is Feature.DTYPE


def test_a_result_of_another_precision(of_z: Callable[..., Implementation]) -> None:
    """A complex function may return real numbers, of the same precision only."""
    assert of_z(torch="torch.abs(z)").call({"z": parted(POINTS)}).dtype is torch.float64
    function = of_z(torch="torch.isnan(torch.real(z))")
    with pytest.raises(ImplementationError, match="returned a tensor of bool"):
        function.call({"z": parted(POINTS)})


def test_a_complex_result_of_real_inputs(spec_of: Make) -> None:
    """It comes by its parts; under a complex step, where all is complex, as it is."""
    function = implementation(spec_of({"x": (2,)}, torch="torch.complex(x, 2*x)"))
    x = torch.tensor([1.0, 3.0], dtype=torch.float64)
    assert function.call({"x": x}).tolist() == [[1.0, 2.0], [3.0, 6.0]]
    square = implementation(spec_of({"x": (2,)}, expr="x**2"))
    assert torch.equal(square.call({"x": x + 1j}), (x + 1j) ** 2)


def test_a_complex_step_stays_out_of_complex_inputs(of_z: Callable[..., Implementation]) -> None:
    """Parts that are complex themselves are refused, rather than taken for something else."""
    with pytest.raises(TypeError, match="dtype complex128 are not supported"):
        of_z("z**2").call({"z": parted(POINTS) + 0j})


def test_memory_of_any_layout() -> None:
    """A view where re and im are neighbours at even places, a copy elsewhere: the same numbers."""
    dense = parted(POINTS.reshape(2, 2))
    assert joined(dense).data_ptr() == dense.data_ptr()
    across = dense.transpose(0, 1)
    assert joined(across).data_ptr() == dense.data_ptr()
    odd = torch.zeros(9, dtype=torch.float64)[1:].view(4, 2)
    apart = dense.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    for strange, same in ((odd.copy_(parted(POINTS)), dense.reshape(4, 2)), (apart, dense)):
        assert torch.equal(joined(strange), joined(same))
    assert joined(dense[:0]).shape == (0, 2)


def test_over_lanes(of_z: Callable[..., Implementation]) -> None:
    """A function of complex numbers is mapped like any other."""
    function = of_z("z**2")
    lanes = np.stack([parts(POINTS), parts(FED)])
    mapped = over_lanes(function, {"z": lanes})
    assert mapped is not None
    found = mapped({"z": torch.tensor(lanes)})
    assert torch.equal(joined(found), torch.stack([POINTS**2, FED**2]))


class Scaled(nn.Module):
    """A module with a complex parameter, a real one and a whole number."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Parameter(torch.tensor(1j, dtype=torch.complex64))
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("count", torch.tensor(3))

    def forward(self, z: Tensor) -> Tensor:
        """Each in its own kind, in the precision of the input."""
        assert self.turn.dtype is z.dtype
        assert self.scale.dtype is z.dtype.to_real()
        assert self.count.dtype is torch.int64
        return z * self.turn * self.scale * self.count


def test_modules_keep_the_kind_of_their_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real parameter stays real where the input is complex."""
    monkeypatch.setattr("math.Scaled", Scaled, raising=False)
    module = imported("f", "math:Scaled", ("math", __name__))
    assert torch.equal(module(POINTS), POINTS * 1.5j)
    assert torch.equal(module(POINTS.to(torch.complex64)), POINTS.to(torch.complex64) * 1.5j)
