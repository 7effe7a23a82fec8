"""Mistakes on the command line, as the problems that everything else reports, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import final

from gradcheck_sym.errors import Problem, SpecError
from gradcheck_sym.spec.codes import Entry


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
    UNEXPLAINED = "U110"  # a spec whose mathematics cannot be written out


CODES: Mapping[Code, Entry] = MappingProxyType(
    {
        Code.ARGUMENT: Entry(
            "argument that does not fit",
            "An option does not exist, lacks its value or clashes with another one, or the command"
            " takes more or other arguments.",
            "The command's --help lists its options, with examples.",
        ),
        Code.VALUE: Entry(
            "value that an option does not take",
            "The option exists, but what stands after it is not one of its values.",
            "The message says what it takes.",
        ),
        Code.SELECTION: Entry(
            "nothing of that name",
            "A spec, a case, a tag, a code or a command of that name does not exist.",
            "Check the spelling; list shows the specs, and replay the cases.",
        ),
        Code.KEYWORD: Entry(
            "expression of -k",
            "The expression does not parse: it has words, and between them and, or, not, ( ).",
            "Quote it for the shell: -k 'soft and not (max or plus)'.",
        ),
        Code.POINT: Entry(
            "point that does not fit the spec",
            "--point names inputs that the spec does not have or leaves some out, or an array has"
            " another shape than its input.",
            "Give each input that has no fixed value, in its shape.",
        ),
        Code.OUTPUT: Entry(
            "file that cannot be written",
            "The place that was named for a file is a folder, does not exist, is taken already, or"
            " may not be written to.",
            "Name another file, in a folder that exists.",
        ),
        Code.CONFIGURATION: Entry(
            "configuration that cannot be read",
            "The pyproject.toml with a table [tool.gradcheck_sym] is not TOML, or not UTF-8.",
            "Mend it at the place that is shown.",
        ),
        Code.SETTING: Entry(
            "unknown key of the configuration",
            "[tool.gradcheck_sym] takes paths, and options of run by their names; what it does not"
            " know, it does not ignore.",
            "Correct the spelling; run --help lists the names.",
        ),
        Code.SETTING_VALUE: Entry(
            "value that a key of the configuration does not take",
            "The key exists, but its value is not one that the option of the same name takes.",
            "The message says what it takes.",
        ),
        Code.UNEXPLAINED: Entry(
            "spec that cannot be explained",
            "The spec can be read, but its mathematics has no meaning at the sizes that were tried,"
            " or its steps do what the rules do not foresee.",
            "Run the spec: the report tells where it fails.",
        ),
    }
)


def mistake(code: Code, message: str, suggestion: str = "", text: str = "") -> SpecError:
    """The error to raise; text is what was written, where showing it helps."""
    return SpecError((Problem(code, message, source_line=text, suggestion=suggestion),))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion out of the known words, or nothing."""
    from difflib import get_close_matches

    bare = {each.lstrip("-"): each for each in known}  # dashes alone make no options alike
    matches = get_close_matches(word.lstrip("-"), bare, n=1, cutoff=0.6)
    return f"did you mean '{bare[matches[0]]}'?" if matches else ""
