"""Gradients of a torch forward by finite differences, one coordinate or direction at a time."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from gradcheck_sym.numerical.complex_step import refine
from gradcheck_sym.numerical.estimate import Estimate
from gradcheck_sym.numerical.noise import precision
from gradcheck_sym.numerical.oracle import Rows, Samples, derivatives
from gradcheck_sym.numerical.windows import NODES, WINDOWS, Floats

Point = Mapping[str, Floats]  # input name -> its value, of the input's own shape
Lanes = Mapping[str, Floats]  # input name -> its values at several points, (lanes, *shape)
Forward = Callable[[dict[str, torch.Tensor]], torch.Tensor]
Index = tuple[int, ...]
Numbers = NDArray[np.inexact]  # real or complex
Moved = Mapping[str, Numbers]  # input name -> (rows, *shape)
Mover = Callable[[Numbers, Rows], Moved]  # arguments (S, K), move numbers (S,) -> inputs

_CHUNK = 2**22  # numbers that one call of a batched forward may take and give


@final
@dataclass(slots=True)
class _Probe:
    """A forward, evaluated safely: on copies, without a graph, and with failures as NaN."""

    forward: Forward
    points: Lanes
    cotangents: Floats  # (lanes, *shape of the output)
    batched: bool
    failures: Counter[str] = field(default_factory=Counter)  # what was raised -> how often

    @property
    def outputs(self) -> int:
        """Numbers that one evaluation gives."""
        return math.prod(self.cotangents.shape[1:])

    @property
    def size(self) -> int:
        """Numbers that one evaluation takes and gives."""
        taken = sum(math.prod(value.shape[1:]) for value in self.points.values())
        return max(1, taken + self.outputs)

    def real(self, moved: Moved, lanes: Rows) -> Floats:
        """Outputs (R, elements) of rows that belong to those lanes (R,).

        Rows at which the forward raises are NaN, and counted.
        """
        result = np.full((len(lanes), self.outputs), np.nan)
        for start, stop in self._pieces(len(lanes)):
            self._fill(moved, lanes, result, start, stop)
        return result

    def _pieces(self, rows: int) -> list[tuple[int, int]]:
        step = max(1, _CHUNK // self.size) if self.batched else 1
        return [(start, min(start + step, rows)) for start in range(0, rows, step)]

    def _fill(self, moved: Moved, lanes: Rows, result: Floats, start: int, stop: int) -> None:
        """Write the outputs of these rows; where they fail together, halve until one is alone."""
        try:
            result[start:stop] = self._call(moved, lanes, start, stop, torch.float64)
        except Exception as error:  # noqa: BLE001 - the forward is someone else's
            if stop - start == 1:
                self.failures[_first_line(error)] += 1
                return
            middle = (start + stop) // 2
            self._fill(moved, lanes, result, start, middle)
            self._fill(moved, lanes, result, middle, stop)

    def imaginary(self, moved: Moved, lanes: Rows) -> Floats:
        """Imaginary parts of the outputs (R, elements) for complex moved inputs.

        All NaN where the forward raises, or answers with real numbers: it is not analytic then.
        """
        result = np.full((len(lanes), self.outputs), np.nan)
        try:
            with warnings.catch_warnings(action="ignore"):  # of parts dropped by casts
                for start, stop in self._pieces(len(lanes)):
                    piece = self._call(moved, lanes, start, stop, torch.complex128)
                    result[start:stop] = piece.imag
        except Exception:  # noqa: BLE001 - the forward is someone else's
            result[:] = np.nan
        return result

    def _call(
        self, moved: Moved, lanes: Rows, start: int, stop: int, dtype: torch.dtype
    ) -> Numbers:
        tensors = {}
        for name, value in self.points.items():
            array = moved[name][start:stop] if name in moved else value[lanes[start:stop]]
            tensor = torch.from_numpy(np.array(array if self.batched else array[0]))
            tensors[name] = tensor.to(dtype)
        with torch.no_grad():
            output = self.forward(tensors)
        return self._checked(output, stop - start, dtype)

    def _checked(self, output: object, rows: int, dtype: torch.dtype) -> Numbers:
        if not isinstance(output, torch.Tensor):
            raise TypeError(f"it returned {type(output).__name__}, wanted a tensor")
        wanted = self.cotangents.shape[1:]
        wanted = (rows, *wanted) if self.batched else wanted
        if tuple(output.shape) != wanted:
            raise ValueError(f"it returned shape {tuple(output.shape)}, wanted {wanted}")
        if output.is_complex() != dtype.is_complex:
            raise TypeError(f"it returned {output.dtype} for {dtype}")
        return np.asarray(output.detach().to("cpu", dtype, copy=True).numpy()).reshape(rows, -1)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def slopes(
    forward: Forward,
    inputs: Point,
    wrt: str,
    cotangent: Floats,
    coordinates: Iterable[Index] | None = None,
    domain_bounds: tuple[Floats, Floats] | None = None,
    complex_step: bool = True,
    batched: bool = False,
) -> dict[Index, Estimate]:
    """d/d wrt[i] of sum(cotangent * forward(inputs)) for each index i.

    forward takes float64 tensors by input name (with a leading axis of points each, if batched,
    then also in its output) and returns a tensor of the shape of cotangent. It runs without a
    graph on copies of the inputs. Where it raises, the function counts as undefined there, and
    what it raised is in the reason. domain_bounds are (low, high), each of the shape of wrt or
    scalar; no element moves out of them.
    Error: as oracle.derivatives; the products with the cotangent are summed in extended precision.
    """
    lanes = {name: np.asarray(value)[None] for name, value in inputs.items()}
    cotangents = np.asarray(cotangent)[None]
    return lane_slopes(
        forward, lanes, wrt, cotangents, coordinates, domain_bounds, complex_step, batched
    )[0]


def lane_slopes(
    forward: Forward,
    inputs: Lanes,
    wrt: str,
    cotangents: Floats,
    coordinates: Iterable[Index] | None = None,
    domain_bounds: tuple[Floats, Floats] | None = None,
    complex_step: bool = True,
    batched: bool = False,
) -> tuple[dict[Index, Estimate], ...]:
    """As slopes, at several points: inputs (lanes, *shape), cotangents (lanes, *output shape).

    domain_bounds may differ between points: anything that broadcasts to (lanes, *shape of wrt).
    """
    probe = _probe(forward, inputs, cotangents, batched)
    values = probe.points[wrt]
    shape = values.shape[1:]
    indices = list(np.ndindex(shape) if coordinates is None else coordinates)
    lanes = np.repeat(np.arange(len(values)), len(indices))
    places = [index for _ in range(len(values)) for index in indices]
    spots = [(lane, *index) for lane, index in zip(lanes, places, strict=True)]
    here = np.array([values[at] for at in spots])
    low, high = (
        np.array([np.broadcast_to(end, values.shape)[at] for at in spots])
        for end in domain_bounds or (-np.inf, np.inf)
    )

    def move(arguments: Numbers, moves: Rows) -> Moved:
        copies = np.empty((*arguments.shape, *shape), arguments.dtype)
        copies[...] = values[lanes[moves]][:, None]
        for row, number in enumerate(moves):
            copies[(row, slice(None), *places[number])] = arguments[row]
        return {wrt: copies.reshape(-1, *shape)}

    found = _estimates(_Moves(probe, move, lanes, complex_step), here, low, high)
    count = len(indices)
    return tuple(
        dict(zip(indices, found[lane * count : (lane + 1) * count], strict=True))
        for lane in range(len(values))
    )


def directional(
    forward: Forward,
    inputs: Point,
    direction: Point,
    cotangent: Floats,
    batched: bool = False,
    complex_step: bool = True,
) -> Estimate:
    """d/dt of sum(cotangent * forward(inputs + t * direction)) at t = 0.

    direction gives an array of the input's shape for each input that moves. The inputs at t are
    rounded to float64, which the error bar shows as noise. Otherwise as slopes.
    """
    lanes = {name: np.asarray(value)[None] for name, value in inputs.items()}
    probe = _probe(forward, lanes, np.asarray(cotangent)[None], batched)
    along = {name: np.asarray(value, dtype=np.float64) for name, value in direction.items()}

    def move(arguments: Numbers, moves: Rows) -> Moved:
        return {
            name: probe.points[name] + arguments.reshape(-1, *(1,) * value.ndim) * value
            for name, value in along.items()
        }

    end = np.array([np.inf])
    moves = _Moves(probe, move, np.zeros(1, np.intp), complex_step)
    return _estimates(moves, np.zeros(1), -end, end)[0]


def _probe(forward: Forward, inputs: Lanes, cotangents: Floats, batched: bool) -> _Probe:
    points = {name: np.asarray(value, dtype=np.float64) for name, value in inputs.items()}
    return _Probe(forward, points, np.asarray(cotangents, dtype=np.float64), batched)


@final
@dataclass(frozen=True, slots=True)
class _Moves:
    """Ways to move through the inputs of a forward, by number."""

    probe: _Probe
    move: Mover
    lanes: Rows  # the point that each begins at
    complex_step: bool

    def slopes(self, numbers: Rows, here: Floats, low: Floats, high: Floats) -> list[Estimate]:
        """Slopes along those moves, whose arguments are here and stay between low and high."""
        lanes = self.lanes[numbers]
        weights = self.probe.cotangents[lanes].reshape(len(lanes), 1, -1)
        changed = np.zeros((len(lanes), 1, weights.shape[-1]), dtype=np.bool_)

        def lines(offsets: Floats, rows: Rows) -> Samples:
            moved = self.move(here[rows][:, None] + offsets, numbers[rows])
            outputs = self.probe.real(moved, np.repeat(lanes[rows], offsets.shape[1]))
            outputs = outputs.reshape(*offsets.shape, -1)
            changed[rows] |= (outputs != outputs[:, :1]).any(axis=1, keepdims=True)
            return _weigh(outputs, weights[rows], changed[rows])

        def imaginary(arguments: NDArray[np.complex128], rows: Rows) -> Floats:
            moved = self.move(arguments, numbers[rows])
            outputs = self.probe.imaginary(moved, np.repeat(lanes[rows], arguments.shape[1]))
            outputs = outputs.reshape(*arguments.shape, -1)
            return _sum(np.where(weights[rows] != 0, outputs * weights[rows], 0.0))

        estimates = derivatives(lines, here, low, high)
        estimates = tuple(_explained(estimate, self.probe.failures) for estimate in estimates)
        return list(refine(imaginary, here, estimates) if self.complex_step else estimates)


def _estimates(moves: _Moves, here: Floats, low: Floats, high: Floats) -> list[Estimate]:
    """Slopes of all moves, so many at a time as fit into memory."""
    group = max(1, _CHUNK // (WINDOWS * NODES * moves.probe.size))
    found: list[Estimate] = []
    for start in range(0, len(here), group):
        part = np.arange(start, min(start + group, len(here)))
        found += moves.slopes(part, here[part], low[part], high[part])
    return found


def _weigh(outputs: Floats, weights: Floats, changed: NDArray[np.bool_]) -> Samples:
    """Samples of sum(weights * outputs (S, K, N)) over N, less its value at the first offset.

    changed (S, 1, N) are the outputs that the move changes at all: only their rounding counts. An
    output of weight zero takes no part, whatever happens to it.
    """
    outputs = np.where(weights != 0, outputs, 0.0)
    with np.errstate(invalid="ignore", over="ignore"):
        values = _sum((outputs.astype(np.longdouble) - outputs[:, :1]) * weights)
        sizes = np.abs(outputs * weights)
    magnitude = _length(np.where(changed, sizes, 0.0))
    still = _length(np.where(changed, 0.0, sizes)[:, :1])[:, 0]
    return Samples(values, magnitude, *precision(outputs.reshape(len(outputs), -1)), still)


def _length(sizes: Floats) -> Floats:
    """Root of the sum of squares over the last axis, safe from overflow."""
    largest = sizes.max(axis=-1, keepdims=True, initial=0.0)
    with np.errstate(invalid="ignore"):
        shares = np.where(largest > 0, sizes / np.where(largest > 0, largest, 1.0), sizes)
    return np.asarray(np.sqrt((shares**2).sum(axis=-1)) * largest[..., 0])


def _sum(products: NDArray[np.floating[Any]]) -> Floats:
    """Sum over the last axis, in the precision of the products, then rounded to float64."""
    return np.asarray(products.sum(axis=-1).astype(np.float64))


def _explained(estimate: Estimate, failures: Mapping[str, int]) -> Estimate:
    """Add what the forward raised to the reason of an undecided estimate."""
    if estimate.decided or not failures:
        return estimate
    text = max(failures, key=lambda text: failures[text])
    reason = f"{estimate.reason}; the forward failed at {sum(failures.values())} points: {text}"
    return Estimate(estimate.value, estimate.error, estimate.method, reason, estimate.evaluations)
