"""From nodes to plain values: each function reads one kind, or reports why it cannot.

A function returns None, or what is left of a collection, after it has reported a problem; so
reading goes on, and everything that is wrong with a file is told at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import final

from gradcheck_sym.errors import Position, Problem
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.keys import Keys
from gradcheck_sym.spec.parser import PROPERTIES, Dialect, closest, parse, unparse
from gradcheck_sym.spec.records import Expression
from gradcheck_sym.spec.scalars import Plain
from gradcheck_sym.spec.tokens import ParseError, identifier_complaint, is_seen, quoted, shortened
from gradcheck_sym.spec.tree import Node
from gradcheck_sym.spec.yaml_nodes import MAX_PROBLEMS, Listing, Scalar, Table, YamlNode, locate


@final
@dataclass(frozen=True, slots=True)
class Language:
    """What an expression may say at its place."""

    dialect: Dialect
    names: Collection[str]
    operators: frozenset[str] = frozenset()


@final
class EnoughError(Exception):
    """A file has more problems than are worth reading."""


MAX_EXPRESSIONS = 100_000  # characters of all expressions of a file; reading them takes a second
_EACH = 10  # characters that take as long as beginning with another expression


@final
@dataclass(slots=True)
class Report:
    """The problems of one file, each once, in the order they are found.

    Raises EnoughError after the last one that is kept, and when all that is read takes too long.
    """

    problems: dict[Problem, None] = field(default_factory=dict)
    spent: int = 0  # characters of the expressions read so far

    def spend(self, node: YamlNode, text: str, pieces: int = 1) -> None:
        """Count what is about to be parsed: a text of so many expressions, domains or constants.

        Those of a family's defaults are read again for each spec, and count again.
        """
        self.spent += len(text) + _EACH * pieces
        if self.spent > MAX_EXPRESSIONS:
            message = f"the file's expressions have more than {MAX_EXPRESSIONS} characters"
            self.add(Code.TOO_MANY_EXPRESSIONS, node, message)
            raise EnoughError

    def add(self, code: Code, node: YamlNode, message: str, suggestion: str = "") -> None:
        """A problem with a value as a whole."""
        self.put(code, node, message, (node.start, node.end), suggestion)

    def put(
        self, code: Code, node: YamlNode, message: str, place: tuple[int, int], suggestion: str
    ) -> None:
        """A problem with the characters of the file at `place`, which belong to a value."""
        if is_gap(node):
            code, message, suggestion = Code.GAP, "this is still to be filled in", ""
            place = (node.start, node.end)
        where = dotted(node.path)
        text = f"{where}: {message}" if where else message
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems[node.source.enough(node.start)] = None
            raise EnoughError
        # The defaults of a family are read again for each spec, so this may not be new.
        self.problems[node.source.problem(code, text, *place, suggestion)] = None

    def parse_error(self, err: ParseError, node: Scalar) -> None:
        """A problem with some characters of an expression."""
        start = locate(node, err.span.start)
        end = locate(node, max(err.span.end - 1, err.span.start)) + 1
        suggestion = err.suggestion or _flow_hint(err, node)
        self.put(err.code, node, err.message, (start, end), suggestion)


GAP = "<fill in>"  # stands where a spec that was begun for its author has to be completed


def is_gap(node: YamlNode) -> bool:
    """Whether a value is still to be written."""
    return isinstance(node, Scalar) and node.text == GAP and not node.style


def gaps(node: YamlNode) -> Iterator[Scalar]:
    """All values of a file that are still to be written."""
    match node:
        case Scalar() if is_gap(node):
            yield node
        case Listing():
            for item in node.items:
                yield from gaps(item)
        case Table():
            for _, value in node.pairs:
                yield from gaps(value)


def dotted(path: tuple[str, ...]) -> str:
    """The keys from the spec to a value, as a message begins: inputs.x.domain."""
    if path[:1] == ("specs",):
        path = path[2:]
    elif path[:1] == ("defaults",):
        path = path[1:]
    return ".".join(map(shortened, path)).replace(".[", "[")


def _flow_hint(err: ParseError, node: Scalar) -> str:
    """Inside { } and [ ] a comma ends a value that is not quoted."""
    rest = node.source.text[node.end :].lstrip()
    if err.code is Code.SYNTAX and not node.style and rest.startswith(","):
        return "a comma ends a value inside { } and [ ]: put the expression in quotes"
    return ""


def position(node: YamlNode) -> Position:
    """Where a value begins."""
    return node.source.position(node.start)


def shown(node: YamlNode) -> str:
    """What came, for a message."""
    match node:
        case Listing():
            return "a list"
        case Table():
            return "a mapping"
        case Scalar():
            return quoted(node.text) if node.text or node.style else "nothing"


def wrong_type(report: Report, node: YamlNode, wanted: str, suggestion: str = "") -> None:
    """Report a value of another kind than its key takes."""
    report.add(Code.WRONG_TYPE, node, f"got {shown(node)}; {wanted}", suggestion)


# ---- words and texts


def plain(report: Report, node: Scalar) -> Plain:
    """The value of a scalar; its text where the number is beyond all bounds."""
    try:
        return node.value
    except OverflowError as err:
        report.add(Code.BAD_NUMBER, node, f"got {quoted(node.text, 20)}; {err}")
        return None


def text(report: Report, node: YamlNode) -> str | None:
    """A text that says something."""
    if isinstance(node, Scalar) and node.text.strip():
        return node.text.strip()
    wrong_type(report, node, "a text is wanted")
    return None


def line(report: Report, node: YamlNode) -> str:
    """A text on one line, however it is broken in the file; empty if it says nothing."""
    return " ".join((text(report, node) or "").split())


def boolean(report: Report, node: YamlNode) -> bool | None:
    """true or false."""
    if isinstance(node, Scalar):
        value = plain(report, node)
        if isinstance(value, bool):
            return value
    wrong_type(report, node, "true or false is wanted")
    return None


def choice(
    report: Report, node: YamlNode, known: Collection[str], code: Code, what: str
) -> str | None:
    """One of some words."""
    if isinstance(node, Scalar) and node.text in known:
        return node.text
    name = node.text if isinstance(node, Scalar) else ""
    message = f"got {shown(node)}; {what} is one of {', '.join(known)}"
    report.add(code, node, message, closest(name, known))
    return None


_WORD = re.compile(r"\w[\w.+-]{0,99}")


def word(report: Report, node: YamlNode, what: str) -> str | None:
    """A name for people: letters, digits and _ . + -."""
    if isinstance(node, Scalar) and _WORD.fullmatch(node.text) and all(map(is_seen, node.text)):
        return node.text
    message = f"got {shown(node)}; {what} has letters, digits and _ . + -, and at most 100"
    report.add(Code.BAD_NAME, node, message)
    return None


def identifier(report: Report, node: Scalar) -> str | None:
    """A name for expressions to use: an identifier that the language leaves free."""
    complaint = identifier_complaint(node.text)
    if complaint:
        report.add(Code.BAD_NAME, node, complaint)
        return None
    if node.text in RESERVED:
        kind = "function" if node.text in FUNCTIONS else "constant"
        message = f"{quoted(node.text)} is a {kind} of the language"
        report.add(Code.RESERVED_NAME, node, message, f"rename it, to {node.text}_ for example")
        return None
    return node.text


_CONSTANT_WORDS = ("true", "false", "none", "True", "False", "None")
RESERVED = (frozenset(FUNCTIONS) - frozenset(PROPERTIES)) | {*_CONSTANT_WORDS}


# ---- collections


def pairs(report: Report, node: YamlNode, wanted: str) -> tuple[tuple[Scalar, YamlNode], ...]:
    """The keys and values of a mapping."""
    if isinstance(node, Table):
        return node.pairs
    wrong_type(report, node, wanted)
    return ()


def items(report: Report, node: YamlNode, wanted: str) -> tuple[YamlNode, ...]:
    """The items of a list."""
    if isinstance(node, Listing):
        return node.items
    wrong_type(report, node, wanted)
    return ()


def one_or_more(node: YamlNode) -> tuple[YamlNode, ...]:
    """The items of a list, or the one value that stands in its place."""
    return node.items if isinstance(node, Listing) else (node,)


def fields(report: Report, node: YamlNode, keys: Keys, what: str) -> dict[str, YamlNode]:
    """The values of a mapping by key; keys that are not in the table are reported."""
    names = [key.name for key in keys]
    found = pairs(report, node, f"{what} is a mapping of {', '.join(names)}")
    known: dict[str, YamlNode] = {}
    for key, value in found:
        if key.text in names:
            known[key.text] = value
        else:
            unknown_key(report, key, names, what)
    return known


def unknown_key(report: Report, key: Scalar, names: Collection[str], what: str) -> None:
    """Report a key that does not belong to a mapping."""
    message = f"unknown key {quoted(key.text)}; {what} has {', '.join(names)}"
    report.add(Code.UNKNOWN_KEY, key, message, closest(key.text, names))


def require(report: Report, node: YamlNode, known: Collection[str], keys: Keys, what: str) -> bool:
    """Whether every required key is there; what is missing is reported."""
    missing = [key for key in keys if key.required and key.name not in known]
    for key in missing:
        message = f"the key {quoted(key.name)} is missing: {key.doc[:1].lower()}{key.doc[1:-1]}"
        place = (node.start, node.start + 1)
        report.put(Code.MISSING_KEY, node, f"{what}: {message}" if what else message, place, "")
    return not missing


# ---- expressions


def expression(report: Report, node: YamlNode, language: Language) -> Expression | None:
    """An expression; a YAML list is a list of expressions."""
    found = _tree(report, node, language)
    if found is None:
        return None
    if isinstance(found, tree.Text | tree.Absent):
        report.add(Code.NOT_A_NUMBER, node, f"got {shown(node)}; an expression is wanted")
        return None
    if isinstance(node, Scalar):
        return Expression(node.text.rstrip(), found, node.source.position(locate(node, 0)))
    written = unparse(found)
    report.spend(node, written)
    try:
        again = parse(written, dialect=language.dialect, operators=language.operators)
    except ParseError as err:  # too much together, though no part is
        report.add(err.code, node, err.message, err.suggestion)
        return None
    return Expression(written, again, position(node))  # with spans in what is written


def _tree(report: Report, node: YamlNode, language: Language) -> Node | None:
    if isinstance(node, Table) or (isinstance(node, Scalar) and not node.text):
        hint = 'in quotes: "{…}"' if isinstance(node, Table) else ""
        wrong_type(report, node, "an expression is wanted", hint)
        return None
    if isinstance(node, Listing):
        parts = [_tree(report, item, language) for item in node.items]
        kept = tuple(part for part in parts if part is not None)
        return tree.Sequence(kept) if len(kept) == len(parts) else None
    return parsed(report, node, node.text, language)


def parsed(report: Report, node: Scalar, source: str, language: Language) -> Node | None:
    """The tree of the first characters of a scalar's text."""
    report.spend(node, source)
    try:
        return parse(
            source,
            dialect=language.dialect,
            names=language.names,
            operators=language.operators,
        )
    except ParseError as err:
        report.parse_error(err, node)
        return None
