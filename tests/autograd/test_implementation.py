"""What is under test: the three kinds, permission to import, and results that are none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gradcheck_sym.autograd.implementation import (
    Implementation,
    ImplementationError,
    implementation,
    imported,
    over_lanes,
    permitted,
)
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.records import Expression, Spec

User = Callable[..., Implementation]
Make = Callable[..., Spec]
X = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def test_three_kinds(spec_of: Make, user: User) -> None:
    """torch wins over expr; a name under use makes it the user's own."""
    tree_kind = implementation(spec_of({"x": (3,)}, expr="x**2"))
    torch_kind = implementation(spec_of({"x": (3,)}, expr="x**2", torch="torch.square(x)"))
    own_kind = user("cube")
    assert (tree_kind.kind, torch_kind.kind, own_kind.kind) == ("tree", "torch", "user")
    assert torch_kind.description == "torch.square(x)"
    assert torch.equal(tree_kind.call({"x": X}), torch_kind.call({"x": X}))
    assert torch.equal(own_kind.call({"x": X}), X * X * X)


def test_own_dtypes_are_told(spec_of: Make) -> None:
    """An input with a dtype of its own is named with it."""
    spec = spec_of({"x": (3,), "k": (2,)}, expr="x[k]", dtypes={"k": "int64"})
    assert implementation(spec).dtypes == {"k": "int64"}


def test_a_spec_without_a_function(spec_of: Make) -> None:
    """A program of steps alone has nothing to call."""
    with pytest.raises(ImplementationError, match="neither torch nor expr"):
        implementation(spec_of({"x": ()}))


@pytest.mark.parametrize(
    "module, allowed, expected",
    [
        ("my", ("my",), True),
        ("my.sub", ("my",), True),
        ("my.sub.deep", ("other", "my.sub"), True),
        ("mymod", ("my",), False),
        ("my", ("my.sub",), False),
        ("os", ("my",), False),
        ("my", (), False),
        (".my", ("",), False),
    ],
)
def test_permission_covers_what_is_below(
    module: str, allowed: tuple[str, ...], expected: bool
) -> None:
    """`my` permits `my.sub` and never `mymod`; nothing permits everything."""
    assert permitted(module, allowed) is expected


def test_nothing_is_imported_without_permission(
    spec_of: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Refusal comes before the module's code runs, and says what would permit it."""
    (tmp_path / "tripwire.py").write_text("raise SystemExit('ran')\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    spec = spec_of({"x": ()}, torch="f(x)", use={"f": "tripwire:f"})
    with pytest.raises(ImplementationError, match=r"--allow-import tripwire permits it") as caught:
        implementation(spec, allow_import=("trip",))
    assert caught.value.reason.startswith("use.f: ")
    assert "tripwire" not in sys.modules


FOREIGN = (
    ("system", "posix"),
    ("Popen", "subprocess"),
    ("load", "torch.hub"),
    ("cwd", "pathlib"),
)


def test_permission_does_not_cover_what_a_module_imports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Installed functions and classes need it for theirs; own files, and mathematics, do not."""
    (tmp_path / "lender").mkdir()
    (tmp_path / "lender" / "__init__.py").write_text(
        "from os import system\nfrom subprocess import Popen\nfrom torch.hub import load\n"
        "from lender.inner import g\nfrom functools import partial\nh = partial(g)\n"
        "from pathlib import Path\ncwd = Path.cwd\n"
        "from torch.autograd import Function\nclass Own(Function):\n    pass\napply = Own.apply\n"
        "from torch.nn import Softplus\nfrom torch.nn.functional import tanhshrink\n"
        "from neighbour import k\n",
        "utf-8",
    )
    (tmp_path / "neighbour.py").write_text("def k(x):\n    return x\n", "utf-8")
    (tmp_path / "lender" / "inner.py").write_text("def g(x):\n    return x\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name, home in FOREIGN:
        said = f"use.f: lender:{name}: {name} is from '{home}'; --allow-import {home} permits it"
        with pytest.raises(ImplementationError) as caught:
            imported("f", f"lender:{name}", ("lender",))
        assert caught.value.reason == said
    assert imported("f", "lender:system", ("lender", "posix")) is os.system
    assert imported("f", "lender:apply", ("lender",)).__name__ == "apply"
    for name in ("Softplus", "tanhshrink", "k"):
        assert callable(imported("f", f"lender:{name}", ("lender",)))
    assert imported("f", "lender:g", ("lender",))(1) == imported("f", "lender:h", ("lender",))(1)


@pytest.mark.parametrize(
    "target, reason",
    [
        ("no_such_module_here:f", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("implementations:missing", "AttributeError"),
        ("implementations:NUMBER", "a float is not a function"),
        ("implementations:NeedsArguments", "TypeError"),
        ("implementations:torch.manual_seed", "may only lead through classes"),
        ("implementations:Tools.__init__", "may only lead through classes"),
        ("implementations", "AttributeError"),
        ("implementations:", "AttributeError"),
    ],
)
def test_what_cannot_be_had_says_why(user: User, target: str, reason: str) -> None:
    """A failing import, a missing attribute, and what is no function."""
    with pytest.raises(ImplementationError, match=reason):
        imported("f", target, ("implementations", "no_such_module_here"))


@pytest.mark.parametrize("text", ["import sys; sys.exit(4)", "1/0", "x = = 1"])
def test_a_module_that_fails_to_import(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever importing raises, leaving the program included, is an ImplementationError."""
    (tmp_path / "failing.py").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    with pytest.raises(ImplementationError, match=r"use\.g: failing:f: "):
        imported("g", "failing:f", ("failing",))


def test_current_directory_is_importable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec_of: Make
) -> None:
    """As under `python -m`; sys.path gains that entry and no other, once."""
    (tmp_path / "beside_the_spec.py").write_text("def f(x):\n    return x * 2\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = list(sys.path)
    spec = spec_of({"x": (3,)}, torch="f(x)", use={"f": "beside_the_spec:f"})
    for _ in range(2):
        own = implementation(spec, allow_import=("beside_the_spec",))
    assert sys.path == [str(tmp_path), *before]
    assert torch.equal(own.call({"x": X}), 2 * X)
    sys.modules.pop("beside_the_spec")


def test_classes_and_instances(user: User) -> None:
    """A Function is applied, a Module class is made and called, an instance is called."""
    for attribute, factor in (("Doubled", 2), ("doubled", 2), ("Tools.triple", 3)):
        assert torch.equal(user(attribute).call({"x": X}), factor * X)
    assert torch.equal(user("Square").call({"x": X}), X * X)


def test_a_modules_parameters_follow_the_inputs(user: User) -> None:
    """A parameter made in float32 does not make a float64 check impossible."""
    weighted = user("Weighted")
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        result = weighted.call({"x": X.to(dtype)})
        assert result.dtype is dtype
        assert result.tolist() == [0.5, -0.5, 2.0]


@pytest.mark.parametrize(
    "attribute, reason",
    [
        ("nothing", "returned None, not a tensor"),
        ("number", "returned a float, not a tensor"),
        ("pair", r"returned a tuple \(Tensor, int\), not a tensor"),
        ("six", r"returned a list \(Tensor, Tensor, Tensor, Tensor, \.\.\.\), not a tensor"),
        ("half", "returned a tensor of float32; the inputs are float64"),
        ("sparse", "returned a tensor of layout sparse_coo, not a dense one"),
    ],
)
def test_a_result_that_is_none_says_what_came(user: User, attribute: str, reason: str) -> None:
    """What is returned must be one dense tensor of the inputs' dtype."""
    with pytest.raises(ImplementationError, match=reason):
        user(attribute).call({"x": X})


def test_an_operator_outside_the_table(spec_of: Make) -> None:
    """A tree that names another function of torch, however it was made, is refused."""
    for function in ("torch.load", "torch.manual_seed", "open", "torch.hub.load", "F.dropout"):
        call = tree.Call(function, (tree.Name("x"),))
        spec = spec_of({"x": ()}, expr="x")
        expression = Expression(function, call, spec.position)
        fields = {name: getattr(spec, name) for name in spec.__slots__}
        with pytest.raises(ImplementationError, match=rf"'{function}' is not permitted"):
            implementation(Spec(**fields | {"torch": expression}))


def test_importing_leaves_torchs_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module that sets defaults and draws numbers on import changes nothing for us."""
    (tmp_path / "settings.py").write_text(
        "import torch\n"
        "torch.set_default_dtype(torch.float64)\n"
        "torch.set_grad_enabled(False)\n"
        "torch.rand(3)\n"
        "def f(x):\n    return x\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    generator = torch.get_rng_state()
    imported("f", "settings:f", ("settings",))
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert torch.equal(generator, torch.get_rng_state())


def test_a_rule_that_mixes_the_points_up_is_not_mapped(spec_of: Make) -> None:
    """torch 2.13.0 rolls the points where each is one number."""
    points = {"x": np.array([1.0, 2.0, 3.0])}
    rolled = implementation(spec_of({"x": ()}, expr="x", torch="torch.roll(x, 1)"))
    squared = implementation(spec_of({"x": ()}, expr="x**2", torch="torch.square(x)"))
    assert over_lanes(rolled, points) is None
    assert over_lanes(squared, points) is not None
