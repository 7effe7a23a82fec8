"""Batches of points."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gradcheck_sym.sampling.points import Batch, concatenate


def batch(lanes: int = 3, **changes: object) -> Batch:
    """Points of a scalar and a vector; the scalar counts the lanes."""
    values = {"x": np.arange(lanes) * 1.0, "y": np.arange(2.0 * lanes).reshape(lanes, 2)}
    made = {"dims": {"n": 2}, "dtype": "float64", "values": values, "origins": ("edge",) * lanes}
    return Batch(**{**made, **changes})  # type: ignore[arg-type]


def test_lane_as_tuples_and_as_hex() -> None:
    """One point comes as floats in nested tuples, or as texts that name them exactly."""
    assert batch().lane(1) == {"x": 1.0, "y": (2.0, 3.0)}
    assert batch(values={"x": np.array([[[0.1]]] * 3)}).lane(0) == {"x": ((0.1,),)}
    two, three = (2.0).hex(), (3.0).hex()
    assert batch().hex(1) == {"x": (1.0).hex(), "y": (two, three)}


def test_hex_survives_zero_signs() -> None:
    """Hexadecimal text keeps what decimals lose."""
    values = {"x": np.array([-0.0, 5e-324, 0.1])}
    made = batch(values=values)
    back = [float.fromhex(str(made.hex(i)["x"])) for i in range(3)]
    assert back == values["x"].tolist()
    assert np.signbit(back[0])


@pytest.mark.parametrize(
    "chosen, wanted",
    [([2, 0], [2, 0]), ([True, False, True], [0, 2]), ([], []), (range(1, 3), [1, 2])],
)
def test_take(chosen: object, wanted: list[float]) -> None:
    """Lanes are picked by numbers in order, or by a mask."""
    taken = batch().take(chosen)  # type: ignore[arg-type]
    assert taken.values["x"].tolist() == wanted
    assert taken.lanes == len(wanted)


def test_concatenate_keeps_order_and_origins() -> None:
    """Lanes follow one another with their origins."""
    other = batch(1, origins=("search",))
    joined = concatenate([batch(2), other])
    assert joined.values["x"].tolist() == [0.0, 1.0, 0.0]
    assert joined.origins == ("edge", "edge", "search")


@pytest.mark.parametrize(
    "change",
    [{"dims": {"n": 3}}, {"dtype": "float32"}, {"values": {"x": np.zeros(3)}}],
)
def test_concatenate_refuses_what_does_not_fit(change: dict[str, object]) -> None:
    """Other sizes, another dtype or other inputs are never mixed."""
    with pytest.raises(ValueError, match="only batches of the same"):
        concatenate([batch(), batch(**change)])
    with pytest.raises(ValueError, match="nothing"):
        concatenate([])


def test_arrays_are_copied_and_read_only() -> None:
    """What others write does not reach a batch, and nobody writes to it."""
    given = np.zeros(3)
    made = batch(values={"x": given})
    given[0] = 1
    assert made.values["x"][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        made.values["x"][0] = 2
    with pytest.raises(TypeError):
        made.values["z"] = given  # type: ignore[index]
    with pytest.raises(TypeError):
        made.dims["n"] = 5  # type: ignore[index]


def test_batches_travel_between_processes() -> None:
    """A pickled batch comes back equal in every part."""
    back = pickle.loads(pickle.dumps(batch()))
    assert (back.dims, back.dtype, back.origins) == ({"n": 2}, "float64", ("edge",) * 3)
    assert back.lane(2) == batch().lane(2)


def test_malformed_batches() -> None:
    """Arrays of different lanes and origins without a meaning are refused."""
    with pytest.raises(ValueError, match="one number of lanes"):
        batch(values={"x": np.zeros(2)})
    with pytest.raises(ValueError, match="one number of lanes"):
        batch(values={"x": np.float64(0)})
    with pytest.raises(ValueError, match="guess"):
        batch(origins=("edge", "edge", "guess"))
