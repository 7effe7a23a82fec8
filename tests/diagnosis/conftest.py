"""What the tests of diagnoses share: a torch function held against a spec, and diagnosed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from gradcheck_sym.autograd.implementation import Implementation
from gradcheck_sym.autograd.reverse import reverse
from gradcheck_sym.run.diagnosis import diagnose
from gradcheck_sym.run.diagnosis.gather import evidence_of
from gradcheck_sym.run.trial import Trial
from gradcheck_sym.sampling.ordinals import round_to
from gradcheck_sym.spec.dtypes import format_of
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.symbolic.derivation import derive
from gradcheck_sym.verdict.diagnosis import Diagnosis

Floats = np.ndarray[Any, np.dtype[np.float64]]


def _read(text: str) -> Spec:
    """One spec out of YAML."""
    specs, problems = read_source(Source("specs/example.yaml", textwrap.dedent(text)))
    assert not problems, problems
    return specs[0]


def _trial(
    spec: Spec,
    function: Callable[..., torch.Tensor],
    dims: Mapping[str, int],
    values: Mapping[str, Floats],
    fed: Floats | None = None,
    dtype: str = "float64",
) -> Trial:
    """What a function claims at given points, beside the derivation."""
    derivation = derive(spec, dims)
    lanes = len(next(iter(values.values())))
    rounded = {name: round_to(dtype, array) for name, array in values.items()}
    if fed is None:
        stream = np.random.default_rng(sum(dims.values()))
        fed = stream.uniform(-2, 2, (lanes, *derivation.out_shape))
    fed = round_to(dtype, fed)
    judged = Implementation(lambda tensors: function(*tensors.values()), "user", "a test's")
    claims = reverse(judged, rounded, derivation.wrt, fed, dtype, "each")
    claimed = np.zeros((lanes, len(derivation.joint.outputs)))
    claimed[:, : derivation.values] = claims.values.reshape(lanes, -1)
    for name, part in derivation.columns().items():
        gradient = claims.gradients.get(name)
        if gradient is not None:
            claimed[:, part] = gradient.reshape(lanes, -1)
    missing = frozenset(n for n in derivation.wrt if claims.gradients.get(n) is None)
    return Trial(
        derivation,
        dims,
        format_of(dtype),
        rounded,
        fed,
        ("bulk by value",) * lanes,
        claimed,
        dict(claims.problems),
        claims.valueless,
        missing,
    )


@pytest.fixture(scope="session")
def spec_of() -> Callable[[str], Spec]:
    """Read one spec out of YAML text."""
    return _read


@pytest.fixture(scope="session")
def trial_of() -> Callable[..., Trial]:
    """Run a torch function at given points of a spec."""
    return _trial


@pytest.fixture
def diagnosed() -> Callable[..., Diagnosis]:
    """Diagnose a torch function against a spec's text, at random points of several sizes.

    special: changes some points of each input in place; fed: some cotangents.
    """

    def made(
        text: str,
        function: Callable[..., torch.Tensor],
        name: str | None = "x",
        *,
        sizes: Sequence[Mapping[str, int]] = ({"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}),
        low: float = -3.0,
        high: float = 3.0,
        lanes: int = 60,
        dtype: str = "float64",
        purity: Sequence[str] = (),
        special: Callable[[Floats], None] = lambda drawn: None,
        fed: Callable[[Floats], None] | None = None,
    ) -> Diagnosis:
        spec, trials = _read(text), []
        stream = np.random.default_rng(7)
        for dims in sizes:
            shapes = derive(spec, dims).shapes
            values = {}
            for entry in spec.inputs:
                drawn = stream.uniform(low, high, (lanes, *shapes[entry.name]))
                values[entry.name] = (
                    drawn if entry.value is None else np.full_like(drawn, entry.value)
                )
                special(values[entry.name])
            given = None
            if fed is not None:
                given = stream.uniform(-2, 2, (lanes, *derive(spec, dims).out_shape))
                fed(given)
            trials.append(_trial(spec, function, dims, values, given, dtype))

        def again(trial: Trial, values: Mapping[str, Floats], cotangents: Floats) -> Trial:
            return _trial(spec, function, trial.dims, values, cotangents, dtype)

        return diagnose(evidence_of(spec, name, trials, purity=purity, again=again))

    return made
