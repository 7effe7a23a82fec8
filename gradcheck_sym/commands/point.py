"""The one point of `--point`, held against the spec that it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradcheck_sym.commands.usage import Code, did_you_mean, mistake
from gradcheck_sym.commands.values import shape
from gradcheck_sym.spec.checks import derived_names
from gradcheck_sym.spec.records import Input, Nested, Spec


def sizes_of(
    specs: Sequence[Spec], point: Mapping[str, Nested], given: Mapping[str, int]
) -> Mapping[str, int]:
    """The sizes that a point has, by dim: those given and those that its arrays show.

    Raises SpecError where the point does not fit the one spec that it must be for.
    """
    if len(specs) != 1:
        raise mistake(
            Code.POINT, f"--point is for one spec, but {len(specs)} are selected", "name FILE::NAME"
        )
    (spec,) = specs
    _check_names(spec, point)
    sizes = dict(given)
    for dim in given:
        if dim not in {known.name for known in spec.dims}:
            raise mistake(
                Code.POINT,
                f"--dims: {spec.name} has no size '{dim}'",
                did_you_mean(dim, [known.name for known in spec.dims]),
            )
    for name, value in point.items():
        if name not in {declared.name for declared in spec.inputs}:
            continue
        _bind(spec.input(name), shape(value), sizes)
    return sizes


def _check_names(spec: Spec, point: Mapping[str, Nested]) -> None:
    known = [declared.name for declared in spec.inputs]
    for name in point:
        if name not in {*known, *derived_names(known)}:
            raise mistake(
                Code.POINT, f"--point: {spec.name} has no input '{name}'", did_you_mean(name, known)
            )
    missing = [each.name for each in spec.inputs if each.value is None and each.name not in point]
    if missing:
        raise mistake(Code.POINT, f"--point: lacks {', '.join(missing)} of {spec.name}")


def _bind(declared: Input, actual: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Record the sizes that an input's array shows; they must not contradict others."""
    wanted = f"[{', '.join(map(str, declared.real_shape))}]"
    came = f"[{', '.join(map(str, actual))}]"
    fits = len(actual) == len(declared.real_shape)
    for size, dim in zip(actual, declared.real_shape, strict=False):
        expected = dim if isinstance(dim, int) else sizes.setdefault(dim, size)
        fits = fits and size == expected
    if not fits:
        bound = ", ".join(f"{dim}={size}" for dim, size in sizes.items())
        raise mistake(
            Code.POINT,
            f"--point: {declared.name} has the shape {came}; "
            f"its spec says {wanted}{f' with {bound}' if bound else ''}",
        )
