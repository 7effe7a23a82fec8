"""Specs that are begun for their author: what is known, and marked gaps for the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.spec.domain import format_domain
from gradcheck_sym.spec.reading import GAP
from gradcheck_sym.spec.records import Domain

_COLUMN = 44  # where comments begin, if there is room


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """One input of the spec to be."""

    name: str
    shape: tuple[str, ...] | None = None  # None: not known
    domain: tuple[Domain, Domain] | None = None  # where it is defined; an everyday part of that
    value: str = ""  # of a constant, or a gap; "": the input is drawn


@final
@dataclass(frozen=True, slots=True)
class Draft:
    """A spec to be."""

    name: str
    expr: str
    arguments: tuple[Argument, ...]
    source: str = ""  # where the function comes from
    torch: str = ""  # the call under test
    use: Mapping[str, str] = field(default_factory=dict)
    offered: str = ""  # a call that could be tested, as a comment
    remarks: tuple[str, ...] = ()  # more comments


def text(draft: Draft, command: str) -> str:
    """The YAML of a draft; what is still to be said has a comment beside it."""
    return "\n".join([f"# begun by: {command}", *_lines(draft), ""])


def _lines(draft: Draft) -> Iterator[str]:
    yield f"name: {draft.name}"
    if draft.source:
        yield f"source: {draft.source}"
    yield "inputs:"
    yield from map(_input, draft.arguments)
    said = "the mathematics, such as log(1 + exp(x))" if draft.expr == GAP else ""
    yield _commented(f"expr: {_scalar(draft.expr)}", said)
    if draft.use:
        entries = (f"{name}: {json.dumps(target)}" for name, target in draft.use.items())
        yield f"use: {{{', '.join(entries)}}}"
    if draft.torch:
        yield f"torch: {_scalar(draft.torch)}"
    if draft.offered:
        yield _commented(
            f"# torch: {_scalar(draft.offered)}", "to test that, and not expr in torch"
        )
    yield from (f"# {remark}" for remark in draft.remarks)


def _input(argument: Argument) -> str:
    head = f"  {argument.name}: "
    if argument.value:
        said = "a number" if argument.value == GAP else ""
        return _commented(f"{head}{{value: {argument.value}, requires_grad: false}}", said)
    shape = GAP if argument.shape is None else f"[{', '.join(argument.shape)}]"
    if argument.domain is None:
        return _commented(f"{head}{{shape: {shape}, domain: {GAP}}}", 'such as "[-10, 10]" or real')
    whole, everyday = argument.domain
    named = format_domain(whole).replace("real", "all numbers")
    said = "" if whole == everyday else f"defined on {named}"
    return _commented(
        f"{head}{{shape: {shape}, domain: {json.dumps(format_domain(everyday))}}}", said
    )


def _commented(line: str, comment: str) -> str:
    return f"{line.ljust(_COLUMN)}  # {comment}" if comment else line


def _scalar(value: str) -> str:
    """A text as YAML reads it: plain where nothing in it means something else; gaps as they are."""
    plain = value[:1].isalnum() and not set(value) & set(":#{}[],&*!|>'\"%@`")
    return value if plain or value == GAP else json.dumps(value, ensure_ascii=False)


def constant(value: object) -> str:
    """A default as the value of an input; a gap for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return GAP
    return repr(value)
