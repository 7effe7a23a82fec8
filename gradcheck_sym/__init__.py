"""Symbolic-versus-autograd verification: SymPy's derivative against torch's."""

__version__ = "0.1.0"
