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
