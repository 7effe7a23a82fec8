"""The sizes at which a user's own code looks wrong, so that it is judged there.

A backward, a jvp, or a backward of a backward may be wrong at one size alone, and to derive the
mathematics at each costs too much. Differences of what it is the derivative of tell where to look;
nothing is called wrong by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from operator import itemgetter
from statistics import median

import numpy as np
import numpy.typing as npt

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.autograd.transforms import gradient_of, tangent_of
from gradcheck_sym.run.function import Dims
from gradcheck_sym.run.shapes import sizes_alone, small_sizes
from gradcheck_sym.run.subject import Subject
from gradcheck_sym.sampling.bulk import bulk
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.sampling.space import SamplingError, everyday
from gradcheck_sym.spec.checks import GRAD_OUTPUT, tangent_name

Floats = npt.NDArray[np.float64]
Values = Mapping[str, Floats]  # input -> (points, *shape)

_DTYPE = "float64"  # in others, differences have no digits to tell with
_POINTS = 3  # at each size: what is wrong with a size is so at all of them
_STEP = 2.0**-17  # of each number, as a share of itself: half of the digits are left
_ALIKE = 2.0**-20  # of what is summed up, and more than such differences are off by
_STANDS_OUT = 16.0  # times as far off as at most sizes, where single precision inside is everywhere


def suspected(subject: Subject) -> Iterator[Dims]:
    """The size at which gradients are least like differences of the value, if there is one."""
    wrt = subject.graded
    slope = _by_backward(subject, subject.implementation, wrt)
    yield from _least_alike(subject, sizes_alone(subject), subject.implementation, wrt, slope)


def tangent_suspected(subject: Subject) -> Iterator[Dims]:
    """The same of Jacobian-vector products."""
    wrt = subject.graded
    made = tangent_of(subject.implementation, wrt)

    def slope(values: Values, along: Values, fed: Floats) -> Floats:
        given = {**values, **{tangent_name(name): step for name, step in along.items()}}
        return _dot(fed, _values(subject, made, given))

    tried = *subject.sizes, *small_sizes(subject)
    yield from _least_alike(subject, tried, subject.implementation, wrt, slope)


def gradient_suspected(subject: Subject) -> Iterator[Dims]:
    """The same of second derivatives, and differences of the gradient."""
    wrt = *subject.graded, GRAD_OUTPUT
    made = gradient_of(subject.implementation, subject.graded)
    tried = *subject.sizes, *small_sizes(subject)
    yield from _least_alike(subject, tried, made, wrt, _by_backward(subject, made, wrt))


# The derivative of fed . function along directions at each point, (points,), by which is judged:
# of values, directions, and fed.
_Slope = Callable[[Values, Values, Floats], Floats]


def _by_backward(subject: Subject, function: Implementation, wrt: tuple[str, ...]) -> _Slope:
    def slope(values: Values, along: Values, fed: Floats) -> Floats:
        found = reverse(function, values, wrt, fed, subject.dtype.name).gradients
        given = [(along[name], found[name]) for name in wrt]
        parts = [_dot(step, own) for step, own in given if own is not None]
        return np.asarray(np.sum(parts, axis=0))

    return slope


def _least_alike(
    subject: Subject,
    sizes: Iterable[Dims],
    function: Implementation,
    wrt: tuple[str, ...],
    slope: _Slope,
) -> Iterator[Dims]:
    users = subject.implementation.kind == "user"
    if not users or subject.dtype.name != _DTYPE or subject.options.point is not None:
        return
    found: list[tuple[float, Dims]] = []
    for dims in sizes:
        with suppress(SamplingError):
            found.append((_unlike(subject, function, wrt, dims, slope), dims))
    if not found:
        return
    worst, dims = max(found, key=itemgetter(0))
    if worst > max(_ALIKE, _STANDS_OUT * median(off for off, _ in found)):
        yield dims


def _unlike(
    subject: Subject, function: Implementation, wrt: tuple[str, ...], dims: Dims, slope: _Slope
) -> float:
    """How unlike slopes and differences are, relatively, at the point where they are most alike."""
    stream, dtype = subject.function.stream("differences", dims), subject.dtype.name
    values = dict(bulk(everyday(subject.space), dims, _POINTS, stream).batch.values)
    if GRAD_OUTPUT in wrt:
        shape = _values(subject, subject.implementation, values).shape[1:]  # without deriving it
        values[GRAD_OUTPUT] = _dense(stream, (_POINTS, *shape), dtype)
    along = {name: _direction(stream, values[name], dtype) for name in wrt}
    up, down = (
        _values(subject, function, {**values, **_moved(values, along, sign * _STEP, dtype)})
        for sign in (1, -1)
    )
    fed = _dense(stream, up.shape, dtype)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mine, theirs = slope(values, along, fed), _dot(fed, up - down) / (2 * _STEP)
        size = np.abs(mine) + np.abs(theirs) + _dot(np.abs(fed), np.abs(up)) * 2.0**-10
        off = np.abs(mine - theirs) / size
    return float(np.nan_to_num(off).min(initial=np.inf)) if len(off) else 0.0


def _dense(stream: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Floats:
    """What is fed: no zeros, behind which what is wrong with a few elements of many would hide."""
    return round_to(dtype, stream.standard_normal(shape))


def _direction(stream: np.random.Generator, values: Floats, dtype: str) -> Floats:
    """As large as each number is, up or down; 0 moves as far as 1 does."""
    share = stream.uniform(0.5, 1.0, values.shape) * stream.choice([-1.0, 1.0], values.shape)
    return round_to(dtype, share * np.where(values == 0, 1.0, values))


def _moved(values: Values, along: Values, step: float, dtype: str) -> dict[str, Floats]:
    return {name: round_to(dtype, values[name] + step * own) for name, own in along.items()}


def _values(subject: Subject, function: Implementation, values: Values) -> Floats:
    return reverse(function, values, (), None, subject.dtype.name).values


def _dot(fed: Floats, values: Floats) -> Floats:
    """The sum of products at each point; NaN where there are no values."""
    if fed.shape != values.shape:
        return np.full(len(fed), np.nan)
    return np.asarray((fed * values).sum(axis=tuple(range(1, fed.ndim))))
