"""The parts of the oracle: windows and their nodes, precision of values, fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.numerical.fit import fit
from gradcheck_sym.numerical.noise import ROUNDING, distinct, precision, quantized, significant_bits
from gradcheck_sym.numerical.windows import NODES, WINDOWS, place, reach

REALS = st.floats(allow_nan=False, allow_infinity=False)


def _one(value: float) -> np.typing.NDArray[np.float64]:
    return np.array([value])


@given(x=REALS)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_reach_falls_from_wide_to_narrow(x: float) -> None:
    """Windows narrow down, the widest is at least of the scale of x and of 1."""
    sizes = reach(_one(x))[0]
    assert sizes.shape == (WINDOWS,)
    assert (np.diff(sizes) <= 0).all()
    assert sizes[0] >= min(max(abs(x), 1.0), 1e307)
    assert sizes[-1] > 0


@given(x=st.floats(-1e300, 1e300), left=st.floats(0, 1e3), right=st.floats(0, 1e3))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_nodes_stay_in_the_domain(x: float, left: float, right: float) -> None:
    """No node leaves the domain, and arguments near the point are exact floats."""
    low, high = x - left, x + right
    windows = place(_one(x), _one(low), _one(high))
    arguments = x + windows.offsets
    assert (arguments >= low).all()
    assert (arguments <= high).all()
    near = np.abs(windows.offsets) <= abs(x) / 2
    assert (arguments - x == windows.offsets)[near].all()
    assert (np.abs(windows.position) <= 1).all()


def test_no_room_no_window() -> None:
    """A domain of one point leaves no window."""
    windows = place(_one(1.0), _one(1.0), _one(1.0))
    assert (windows.radius == 0).all()


@pytest.mark.parametrize(
    "value,bits",
    [(0.0, 0), (1.0, 1), (3.0, 2), (0.75, 2), (1 + 2.0**-52, 53), (-5.0, 3), (np.inf, 0)],
)
def test_significant_bits(value: float, bits: int) -> None:
    """Bits of the significand up to the last that is set."""
    assert significant_bits(_one(value))[0] == bits


def test_precision_of_formats() -> None:
    """Narrow formats and exact steps are told from float64 and from each other."""
    x = np.linspace(-3.7, 4.1, 200)
    rows = np.stack(
        [
            np.sin(x),
            np.sin(x).astype(np.float32).astype(float),
            np.sin(x).astype(np.float16).astype(float),
            np.floor(100 * x),
            np.full_like(x, 3.0),
            np.full_like(x, np.nan),
        ]
    )
    unit, exact = precision(rows)
    assert unit.tolist() == [ROUNDING, 2.0**-24, 2.0**-11, ROUNDING, ROUNDING, ROUNDING]
    assert exact.tolist() == [False, False, False, True, False, False]


def test_few_distinct_values_are_quantized() -> None:
    """A constant is quantized, a symmetric function is not."""
    nodes = place(_one(0.0), _one(-np.inf), _one(np.inf)).offsets[0, 0]
    assert distinct(np.ones(NODES)) == 1
    assert quantized(np.ones(NODES))
    assert not quantized(np.round(nodes**2, 6))


@pytest.mark.parametrize("low", [-np.inf, 0.5])
def test_every_window_of_a_cubic_holds(low: float) -> None:
    """On a cubic, every window's bar covers its slope, two-sided and one-sided."""
    x = 0.5
    windows = place(_one(x), _one(low), _one(np.inf))
    values = (x + windows.offsets) ** 3
    fits = fit(windows, values, np.abs(values), _one(ROUNDING))
    assert (np.abs(fits.value - 0.75) <= fits.bar).all()
    assert fits.bar.min() < 1e-12
    assert (np.abs(fits.level - 0.125) <= 1e-9 * fits.radius + 1e-12).all()
