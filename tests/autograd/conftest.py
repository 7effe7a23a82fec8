"""What the tests of autograd share: specs from texts, and users' code that can be imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.autograd.implementation import Implementation, implementation
from gradcheck_sym.errors import Position
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Input, Spec

HERE = Position("specs/example.yaml", 1, 1)
Shapes = Mapping[str, tuple[int | str, ...]]


def _expression(text: str, **options: Any) -> Expression:
    return Expression(text, parse(text, **options), HERE)


@pytest.fixture
def spec_of() -> Callable[..., Spec]:
    """Make a spec of texts: inputs by shape, let, expr, torch, use, dtypes by input."""

    def made(
        inputs: Shapes,
        *,
        expr: str | None = None,
        torch: str | None = None,
        let: Mapping[str, str] | None = None,
        use: Mapping[str, str] | None = None,
        dtypes: Mapping[str, str] | None = None,
    ) -> Spec:
        return Spec(
            name="example",
            path=HERE.path,
            position=HERE,
            inputs=tuple(
                Input(
                    name=name,
                    value=None,
                    shape=shape,
                    domain=None,
                    dtype=(dtypes or {}).get(name),
                    requires_grad=True,
                    position=HERE,
                )
                for name, shape in inputs.items()
            ),
            let=tuple((name, _expression(text)) for name, text in (let or {}).items()),
            expr=None if expr is None else _expression(expr),
            torch=None
            if torch is None
            else _expression(torch, dialect="torch", operators=frozenset(use or ())),
            use=tuple((use or {}).items()),
        )

    return made


@pytest.fixture
def user(
    monkeypatch: pytest.MonkeyPatch, spec_of: Callable[..., Spec]
) -> Callable[..., Implementation]:
    """Make an implementation that calls one name of implementations.py on the inputs in order."""
    monkeypatch.syspath_prepend(Path(__file__).parent)

    def made(attribute: str, inputs: Shapes | None = None, **options: Any) -> Implementation:
        inputs = inputs or {"x": ("n",)}
        call = f"f({', '.join(inputs)})"
        use = {"f": f"implementations:{attribute}"}
        return implementation(
            spec_of(inputs, torch=call, use=use, **options), allow_import=("implementations",)
        )

    return made
