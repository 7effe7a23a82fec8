"""The table of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gradcheck_sym.report.numbers import decimal_nest
from gradcheck_sym.spec.domain import format_domain
from gradcheck_sym.spec.records import Input
from gradcheck_sym.verdict.pictures import Portrait

_LONGEST = 60  # characters of a value
_MOST_KINKS = 6  # of an input that are listed


@final
@dataclass(frozen=True, slots=True)
class Argument:
    """One input as the table shows it."""

    name: str
    shape: str
    domain: str
    gradient: str
    kinks: str


def argument(entry: Input, portrait: Portrait) -> Argument:
    """An input as the table shows it."""
    shape = f"[{', '.join(map(str, entry.shape))}]" if entry.shape else "a number"
    kinks = portrait.kinks.get(entry.name, ())
    more = ", …" if len(kinks) > _MOST_KINKS else ""
    return Argument(
        entry.name,
        f"{shape}, complex" if entry.complex else shape,
        _domain(entry, portrait),
        "yes" if entry.requires_grad else "no",
        ", ".join(f"{kink:g}" for kink in kinks[:_MOST_KINKS]) + more,
    )


def _domain(entry: Input, portrait: Portrait) -> str:
    if entry.value is not None:
        text = decimal_nest(entry.value)
        return f"= {text}" if len(text) <= _LONGEST else f"= {text[:_LONGEST]}…"
    if entry.domain is not None:
        return format_domain(entry.domain)
    inferred = portrait.domains.get(entry.name)
    return f"{'real' if inferred is None else format_domain(inferred)} (inferred)"
