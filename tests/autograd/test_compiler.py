"""The compiler stays out of a process that compiles nothing, and is there for one that does."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


def _run(code: str) -> list[str]:
    """The words that a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.slow
def test_a_map_of_gradients_imports_no_compiler() -> None:
    """torch.func.vjp under a map gives its numbers, and torch is as it was afterwards."""
    found = _run(
        """
        import sys, torch
        from gradcheck_sym.autograd.compiler import uncompiled
        x = torch.tensor([1.0, 2.0])
        with uncompiled():
            grads = torch.func.vmap(torch.func.grad(lambda a: a**3))(x)
        loaded = "torch._dynamo" in sys.modules
        print(grads.tolist() == [3.0, 12.0], loaded, "_dynamo" in vars(torch))
        """
    )
    assert found == ["True", "False", "False"]


@pytest.mark.slow
def test_nested_tangents_import_no_compiler() -> None:
    """Forward over forward goes through torch's functions in Python; nothing is left on them."""
    found = _run(
        """
        import sys, torch
        from gradcheck_sym.autograd.compiler import uncompiled
        x = torch.tensor([1.0, 2.0])
        def slope(a):
            return torch.func.jvp(lambda b: b * b * b, (a,), (x,))[1]
        with uncompiled():
            second = torch.func.jvp(slope, (x,), (x,))[1]
        print(second.tolist() == [6.0, 48.0], "torch._dynamo" in sys.modules)
        again = torch.func.jvp(slope, (x,), (x,))[1]
        print(torch.equal(again, second), "torch._dynamo" in sys.modules)
        """
    )
    assert found == ["True", "False", "True", "True"]


@pytest.mark.slow
def test_determinism_is_set_without_the_compiler() -> None:
    """As torch.use_deterministic_algorithms does it, in each of its three ways."""
    found = _run(
        """
        import sys, torch
        from gradcheck_sym.autograd.settings import set_deterministic
        for value in ((True, False), (True, True), (False, False)):
            set_deterministic(value)
            print(torch.are_deterministic_algorithms_enabled(),
                  torch.is_deterministic_algorithms_warn_only_enabled())
        print("torch._inductor" in sys.modules)
        """
    )
    assert found == ["True", "False", "True", "True", "False", "False", "False"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wanted",
    [
        "import torch._dynamo.config; it = torch._dynamo",
        "from torch._dynamo import config; it = torch._dynamo",
    ],
)
def test_whoever_imports_the_compiler_inside_gets_it(wanted: str) -> None:
    """By whatever words it is asked for."""
    found = _run(
        f"""
        import sys, torch
        from gradcheck_sym.autograd.compiler import uncompiled
        with uncompiled():
            {wanted}
            it.config.cache_size_limit
        it = sys.modules["torch._dynamo"]
        print(it is torch._dynamo, type(it).__name__, bool(it.config.cache_size_limit))
        """
    )
    assert found == ["True", "module", "True"]


@pytest.mark.slow
def test_whoever_needs_the_compiler_gets_it() -> None:
    """Anything else that is asked of it inside the block comes from the real one."""
    found = _run(
        """
        import sys, torch
        from gradcheck_sym.autograd.compiler import uncompiled
        with uncompiled():
            compiling = torch._dynamo.is_compiling()
        print(compiling, torch._dynamo is sys.modules["torch._dynamo"])
        with uncompiled():
            print(torch._dynamo is sys.modules["torch._dynamo"])
        """
    )
    assert found == ["False", "True", "True"]
