"""Mistakes on the command line, as the problems that everything else reports, too."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import final

from gradcheck_sym.errors import Problem, SpecError


@final
class Exit(IntEnum):
    """What the process tells its caller."""

    PASSED = 0
    FAILED = 1  # a check failed
    USAGE = 2  # a bad spec, configuration or command line: nothing was run
    INTERNAL = 3  # a mistake of ours
    NOTHING = 5  # nothing was selected
    INTERRUPTED = 130


@final
class Code(StrEnum):
    """The stable names of mistakes on the command line."""

    ARGUMENT = "U101"  # an option or argument that does not exist, or lacks its value
    VALUE = "U102"  # a value that an option does not take
    SELECTION = "U103"  # a spec, file or command that does not exist
    KEYWORD = "U104"  # an expression of -k that does not parse
    POINT = "U105"  # a point that does not fit the spec
    OUTPUT = "U106"  # a file that cannot be written
    CONFIGURATION = "U107"  # a pyproject.toml that cannot be read
    SETTING = "U108"  # a key of the configuration that does not exist
    SETTING_VALUE = "U109"  # a value that a key of the configuration does not take


def mistake(code: Code, message: str, suggestion: str = "", text: str = "") -> SpecError:
    """The error to raise; text is what was written, where showing it helps."""
    return SpecError((Problem(code, message, source_line=text, suggestion=suggestion),))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion out of the known words, or nothing."""
    from difflib import get_close_matches

    bare = {each.lstrip("-"): each for each in known}  # dashes alone make no options alike
    matches = get_close_matches(word.lstrip("-"), bare, n=1, cutoff=0.6)
    return f"did you mean '{bare[matches[0]]}'?" if matches else ""
