"""Symbolic-versus-autograd verification: SymPy's derivative against torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck_sym.api import GradientMismatch, Report, verify
    from gradcheck_sym.errors import SpecError

__all__ = ["GradientMismatch", "Report", "SpecError", "__version__", "verify"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The public names, loaded when they are first asked for (PEP 562)."""
    if name == "SpecError":
        from gradcheck_sym import errors

        return errors.SpecError
    if name in __all__:
        from gradcheck_sym import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
