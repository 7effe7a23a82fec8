"""The templates, and what keeps foreign text in them harmless."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gradcheck_sym.report.problems import visible

_FOLDER = Path(__file__).with_name("templates")


def fill(template: str, **values: object) -> str:
    """A template with its values, escaped unless they are markup of ours."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _harmless(value: object) -> object:
    """Text without the characters that nobody sees, or that turn what follows around."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(visible, value.splitlines()))
    return value
