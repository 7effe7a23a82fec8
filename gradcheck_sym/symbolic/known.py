"""Slopes that are known: each form is differentiated once, in a process and, on request, for good.

What is kept is data, forms as JSON, and is read as such: an entry that is damaged, or that does not
fit the form it is asked for, is found again. A file serves one version of SymPy and of our rules.
That a slope is right is for `guard` to see, wherever it comes from.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

from gradcheck_sym.spec import functions
from gradcheck_sym.spec.functions import FUNCTIONS, parameters
from gradcheck_sym.symbolic import pieces
from gradcheck_sym.symbolic.pieces import ARITHMETIC, NUMBERS, Form
from gradcheck_sym.symbolic.program import Instruction

_SCHEMA = 2
_MOST = 20_000  # entries of a file; some thousand are what a large suite of specs needs
_RULES = (Path(__file__).with_name("by_sympy.py"), pieces.__file__, functions.__file__)


@cache
def slope_of(form: Form, slot: int) -> Form:
    """The derivative of a form by what stands in one of its slots, as a form in the same slots."""
    store = _STORE.get()
    found = None if store is None else store.find(form, slot)
    if found is None:
        from gradcheck_sym.symbolic.by_sympy import slope

        found = slope(form, slot)
        if store is not None:
            store.keep(form, slot, found)
    return found


@contextmanager
def remembering(folder: Path | None) -> Iterator[None]:
    """A block in which slopes come from a folder's file, and go there; None: from no file.

    A folder that cannot be read or written is as good as none.
    """
    store = None if folder is None else _Store(folder / f"slopes-{_version()}.json")
    token = _STORE.set(store)
    try:
        yield
    finally:
        _STORE.reset(token)
        if store is not None:
            with suppress(OSError):
                store.save()


@final
@dataclass
class _Store:
    """A file of slopes, by the digest of what they are slopes of.

    Each is a text of its own, which takes a tenth of the memory until somebody asks for it.
    """

    path: Path
    fresh: dict[str, str] = field(default_factory=dict)  # found in this run

    @cached_property
    def entries(self) -> dict[str, str]:
        """What the file holds; nothing where it is not one of ours."""
        return _read(self.path)

    def find(self, form: Form, slot: int) -> Form | None:
        """The slope that is kept, if it can be one."""
        told = self.entries.get(_digest(form, slot))
        with suppress(ValueError, TypeError, LookupError, AttributeError):
            slots = sum(step.op == "slot" for step in form)
            return None if told is None else _checked(json.loads(told), slots)
        return None

    def keep(self, form: Form, slot: int, found: Form) -> None:
        """Remembers a slope for good."""
        self.fresh[_digest(form, slot)] = json.dumps([_told(step) for step in found])

    def save(self) -> None:
        """Adds what is new to what the file holds by now; all of it at once, or nothing."""
        if not self.fresh:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        entries = {**_read(self.path), **self.fresh}
        kept = dict(list(entries.items())[-_MOST:])
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"schema": _SCHEMA, "slopes": kept}, stream)
            Path(name).replace(self.path)
        finally:
            Path(name).unlink(missing_ok=True)


_STORE: ContextVar[_Store | None] = ContextVar("store", default=None)


@cache
def _version() -> str:
    """A short name of everything that slopes depend on."""
    seen = hashlib.sha256(version("sympy").encode())
    for path in _RULES:
        seen.update(Path(path).read_bytes())
    return seen.hexdigest()[:16]


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        slopes = found["slopes"] if found["schema"] == _SCHEMA else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return slopes if isinstance(slopes, dict) else {}


def _digest(form: Form, slot: int) -> str:
    text = json.dumps([slot, [_told(step) for step in form]])
    return hashlib.sha256(text.encode()).hexdigest()


# ---- instructions as JSON: [op, [args], data], where a fraction is a text


def _told(step: Instruction) -> list[Any]:
    data = str(step.data) if isinstance(step.data, Fraction) else step.data
    return [step.op, list(step.args), data]


def _checked(told: Any, slots: int) -> Form:
    """A form out of JSON; raises some error where it is none in so many slots."""
    form = tuple(_step(place, *entry) for place, entry in enumerate(told))
    if not form or any(step.op == "slot" and not 0 <= step.data < slots for step in form):  # type: ignore[operator]
        raise ValueError(told)
    return form


def _step(place: int, op: str, args: list[int], data: Any) -> Instruction:
    fits = len(args) == _arities()[op] and all(type(k) is int and 0 <= k < place for k in args)
    if not fits or type(data) is not _DATA.get(op, type(None)):
        raise ValueError(op)
    exact: Fraction | int | None = Fraction(data) if op == "const" else data
    return Instruction(op, tuple(args), exact)


_DATA: dict[str, Any] = {"const": str, "slot": int, "polygamma": int}


@cache
def _arities() -> dict[str, int]:
    """How many arguments each operation has that a slope may consist of."""
    found = {row.name: len(parameters(row.signature)) for row in FUNCTIONS.values() if row.sympy}
    found |= dict.fromkeys(ARITHMETIC, 2) | dict.fromkeys(NUMBERS, 0)
    return found | {"neg": 1, "polygamma": 1, "slot": 0}
