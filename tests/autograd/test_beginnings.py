"""What a first call of all decides about later ones, in modules that are imported for that."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from gradcheck_sym.autograd.beginnings import begun
from gradcheck_sym.autograd.implementation import implementation
from gradcheck_sym.autograd.origins import Origin
from gradcheck_sym.spec import reader

HEAD = "from functools import cache, lru_cache\nimport torch\n"

IN_INFERENCE = "it raises where the first call of all was under torch.inference_mode()"
UNTRACKED = "the gradient of x is another where the first call of all was under torch.no_grad()"
IN_SINGLE = "the result is another where the first call of all was in float32"

MADE_BY_CACHE = """
@cache
def _two(n):
    return torch.full((n,), 2.0, dtype=torch.float64)

def own(x):
    return x * _two(len(x)).to(x.dtype)
"""

KEPT_IN_A_TABLE = """
_TABLE = {}

def own(x):
    if len(x) not in _TABLE:
        _TABLE[len(x)] = torch.full_like(x, 2.0)
    return x * _TABLE[len(x)].to(x.dtype)
"""

DECIDED_ONCE = """
_graph = None

def own(x):
    global _graph
    _graph = torch.is_grad_enabled() if _graph is None else _graph
    return 2 * x if _graph else (2 * x).detach()
"""

KEPT_ON_A_CLASS = """
class Own:
    scale = None

    def __call__(self, x):
        if Own.scale is None:
            with torch.inference_mode(mode=False):
                Own.scale = torch.tensor(0.1, dtype=x.dtype)
        return x * 20 * Own.scale.to(x.dtype)

own = Own()
"""

KEPT_IN_A_CLOSURE = """
def _made():
    two = None

    def own(x):
        nonlocal two
        two = torch.full_like(x, 2.0) if two is None else two
        return x * two.to(x.dtype)

    return own

own = _made()
"""

MADE_FOR_EVERY_MODE = """
@lru_cache
def _two(n, dtype):
    with torch.inference_mode(mode=False):
        return torch.full((n,), 2.0, dtype=dtype)

def own(x):
    return x * _two(len(x), x.dtype)
"""

COUNTS_ONLY = """
calls = 0

def own(x):
    global calls
    calls += 1
    return x + x
"""

REMEMBERS = """
seen = []
last = None

def own(x):
    global last
    seen.append(last)
    last = len(seen)
    return 2 * x
"""

# name of a module -> its code, of a function that doubles x, and how the message begins
WRONG = {
    "made_by_cache": (MADE_BY_CACHE, IN_INFERENCE),
    "kept_in_a_table": (KEPT_IN_A_TABLE, IN_INFERENCE),
    "kept_in_a_closure": (KEPT_IN_A_CLOSURE, IN_INFERENCE),
    "decided_once": (DECIDED_ONCE, UNTRACKED),
    "kept_on_a_class": (KEPT_ON_A_CLASS, IN_SINGLE),
}

RIGHT = {"made_for_every_mode": MADE_FOR_EVERY_MODE, "counts_only": COUNTS_ONLY}


def told(name: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of the function of a module, after it was called as usual."""
    (folder / f"{name}.py").write_text(HEAD + code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    text = f"inputs: {{x: {{shape: [2]}}}}\nexpr: 2*x\nuse: {{own: '{name}:own'}}\ntorch: own(x)\n"
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (spec,) = reader.read([str(folder / f"{name}.yaml")])
    values, fed = {"x": np.array([[1.5, -2.0]])}, np.array([[1.0, 3.0]])
    found = begun(lambda: implementation(spec, [name]), values, ("x",), fed, "float64")
    again = begun(lambda: implementation(spec, [name]), values, ("x",), fed, "float64")
    assert found == again
    return "" if found is None else found.text


@pytest.mark.parametrize("name", WRONG)
def test_what_a_first_call_decides(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Constants and decisions of a call that wants no gradient are found out, every time."""
    code, text = WRONG[name]
    assert told(name, code, tmp_path, monkeypatch).startswith(text)


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_is_said(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who keeps what serves every call, or nothing that counts, is right."""
    assert not told(name, RIGHT[name], tmp_path, monkeypatch)


def test_all_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module has its first state for a while, and then again the one that it had."""
    assert not told("remembers", REMEMBERS, tmp_path, monkeypatch)
    module = sys.modules["remembers"]
    module.own(1)
    before = list(module.seen), module.last
    with Origin.of(module.own).restored():
        assert (module.seen, module.last) == ([], None)
        module.own(1)
    assert (module.seen, module.last) == before
