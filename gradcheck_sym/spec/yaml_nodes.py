"""YAML text to plain nodes that know where they stand, within limits and without YAML's traps.

Built from PyYAML's events, not from its composer: they show anchors, aliases and tags as
written, arrive one at a time, so that a limit stops reading at once, and need no recursion.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

from gradcheck_sym.errors import Position, Problem
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.scalars import Plain, resolve
from gradcheck_sym.spec.tokens import quoted

if TYPE_CHECKING:
    import yaml

MAX_LEVELS = 32  # of lists and mappings within each other
MAX_VALUES = 50_000  # keys and values of one file
MAX_PROBLEMS = 200  # of one file; reading stops there


@final
@dataclass(frozen=True)
class Source:
    """The text of a file, and its lines."""

    path: str  # as the user named it
    text: str = field(repr=False)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offsets at which lines begin."""
        return (0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", self.text)))

    def position(self, offset: int) -> Position:
        """The line and column of a character."""
        line = bisect_right(self.starts, offset)
        return Position(self.path, line, offset - self.starts[line - 1] + 1)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines without their ends; many problems of one line share its text."""
        ends = (*self.starts[1:], len(self.text))
        pieces = zip(self.starts, ends, strict=True)
        return tuple(self.text[start:end].rstrip("\r\n") for start, end in pieces)

    def problem(
        self, code: Code, message: str, start: int, end: int = 0, suggestion: str = ""
    ) -> Problem:
        """A problem about text[start:end], underlined as far as its first line goes."""
        position = self.position(start)
        line = self.lines[position.line - 1]
        length = min(max(end - start, 1), max(len(line) - position.column + 1, 1))
        return Problem(code, message, position, line, length, suggestion, self.path)

    def enough(self, start: int) -> Problem:
        """The last problem of a file that has too many."""
        message = f"the file has more than {MAX_PROBLEMS} problems; it was read up to here"
        return self.problem(Code.TOO_MANY_PROBLEMS, message, start)


@final
@dataclass(frozen=True, slots=True)
class Scalar:
    """A word, number or text: `text` is its content, `style` one of "", ', ", | and >."""

    source: Source = field(repr=False)
    start: int  # offset of its first character, the quote or the | included
    end: int
    path: tuple[str, ...]  # the keys that lead to it
    text: str
    style: str

    @property
    def value(self) -> Plain:
        """What YAML 1.2 takes it for; OverflowError for a number too large."""
        return self.text if self.style else resolve(self.text)


@final
@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    source: Source = field(repr=False)
    start: int
    end: int
    path: tuple[str, ...]
    items: tuple[YamlNode, ...]


@final
@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, its keys distinct words in the order of the file."""

    source: Source = field(repr=False)
    start: int
    end: int
    path: tuple[str, ...]
    pairs: tuple[tuple[Scalar, YamlNode], ...]

    def get(self, key: str) -> YamlNode | None:
        """The value of a key, or None."""
        return next((value for name, value in self.pairs if name.text == key), None)


YamlNode = Scalar | Listing | Table


def compose(source: Source) -> tuple[YamlNode | None, tuple[Problem, ...]]:
    """The one document of a file; where there is a problem, the node is None."""
    problems = [*_control_characters(source)]
    if problems:
        return None, tuple(problems)
    node = None
    for loader in _loaders():
        building = _Building(source, problems)
        try:
            node = building.document(_events(source.text, loader))
        except _LimitError as limit:
            problems.append(limit.problem)
        except _yaml_error() as err:
            if _TOO_DEEP in str(err) and loader is not _loaders()[-1]:
                continue
            problems.append(_syntax_problem(source, err))
        break
    return (None if problems else node), tuple(problems)


# What is no text to YAML, and what is one but hides itself or turns the text around it: a comment
# could look like an expression. Joiners stay: some scripts and signs are written with them.
_UNSEEN = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    r"|[\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    r"|[\U000e0000-\U000e007f]"
)


def _control_characters(source: Source) -> Iterator[Problem]:
    """The first character, if any, that no editor shows; YAML allows tabs and line breaks."""
    match = _UNSEEN.search(source.text)
    if match:
        shown = quoted(match[0])
        message = f"the character {shown} may not stand in a spec"
        yield source.problem(Code.CONTROL_CHARACTER, message, match.start())


# libyaml has a limit of its own, and reads so far ahead that ours is not met before.
_TOO_DEEP = "maximum nesting depth"


def _loaders() -> tuple[Any, ...]:
    """PyYAML's loaders: the C one, which is ten times as fast, where there is one; its own."""
    import yaml

    return tuple(dict.fromkeys((getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader)))


def _events(text: str, loader: Any) -> Iterator[Any]:
    import yaml

    return iter(yaml.parse(text, Loader=loader))


def _yaml_error() -> type[yaml.YAMLError]:
    import yaml

    return yaml.YAMLError


@final
class _LimitError(Exception):
    """A limit is passed: nothing more is read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@final
class _Building:
    """The document being built: a stack of the lists and mappings that are open."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.open: list[_Open] = []
        self.root: YamlNode | None = None
        self.documents = 0
        self.values = 0

    def document(self, events: Iterator[Any]) -> YamlNode | None:
        """The node of the only document; problems go to the list."""
        for event in events:
            self.take(event)
        if self.root is None and not self.problems:
            self.report(Code.EMPTY_FILE, "the file holds no spec", 0, 0)
        return self.root

    def report(self, code: Code, message: str, start: int, end: int, hint: str = "") -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            raise _LimitError(self.source.enough(start))
        self.problems.append(self.source.problem(code, message, start, end, hint))

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        start, end = event.start_mark.index, event.end_mark.index
        if kind == "DocumentStartEvent":
            self.begin_document(start, end)
        elif kind == "AliasEvent":
            message = f"an alias, {quoted('*' + event.anchor)}; specs have none"
            self.report(Code.ALIAS, message, start, end, _quote_hint(self.source, start))
            self.add(Scalar(self.source, start, end, self.path(), "", '"'))
        elif kind in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent"):
            self.begin_node(event, kind, start, end)
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            self.add(self.open.pop().closed(self.source, end))

    def begin_document(self, start: int, end: int) -> None:
        self.documents += 1
        if self.documents > 1:
            message = "a second document begins here; a spec file is one"
            problem = self.source.problem(Code.SEVERAL_DOCUMENTS, message, start, end)
            raise _LimitError(problem)

    def begin_node(self, event: Any, kind: str, start: int, end: int) -> None:
        self.values += 1
        self.refuse_properties(event, start)
        if self.values > MAX_VALUES:
            message = f"the file has more than {MAX_VALUES} keys and values"
            raise _LimitError(self.source.problem(Code.TOO_MANY_VALUES, message, start, end))
        if kind == "ScalarEvent":
            self.add(Scalar(self.source, start, end, self.path(), event.value, event.style or ""))
            return
        if len(self.open) >= MAX_LEVELS:
            message = f"lists and mappings are nested deeper than {MAX_LEVELS} levels"
            raise _LimitError(self.source.problem(Code.YAML_TOO_DEEP, message, start, end))
        self.open.append(_Open(kind == "MappingStartEvent", start, self.path()))

    def refuse_properties(self, event: Any, start: int) -> None:
        """Report an anchor or a tag of a node."""
        if event.anchor is not None:
            message = f"an anchor, {quoted('&' + event.anchor)}; specs have none"
            self.report(Code.ANCHOR, message, start, start, _quote_hint(self.source, start))
        if event.tag is not None:
            message = f"a tag, {quoted(event.tag)}; specs have none"
            self.report(Code.TAG, message, start, start, _quote_hint(self.source, start))

    def path(self) -> tuple[str, ...]:
        """The keys that lead to the node that comes next."""
        return self.open[-1].next_path() if self.open else ()

    def add(self, node: YamlNode) -> None:
        """Put a finished node where it belongs."""
        if not self.open:
            self.root = node
        elif self.open[-1].mapping and self.open[-1].key is None:
            self.add_key(node)
        else:
            self.open[-1].add(node)

    def add_key(self, node: YamlNode) -> None:
        parent = self.open[-1]
        if not isinstance(node, Scalar) or not node.text:
            self.report(Code.STRANGE_KEY, "a key is a word", node.start, node.end)
            node = Scalar(self.source, node.start, node.end, node.path, "?", '"')
        if node.text == "<<" and not node.style:
            self.report(Code.MERGE_KEY, "a merge key; specs have none", node.start, node.end)
        elif node.text in parent.keys:
            first = self.source.position(parent.keys[node.text]).line
            message = f"the key {quoted(node.text)} stands here twice, first in line {first}"
            self.report(Code.DUPLICATE_KEY, message, node.start, node.end)
        parent.keys.setdefault(node.text, node.start)
        parent.key = node


@final
class _Open:
    """A list or mapping that has begun."""

    def __init__(self, mapping: bool, start: int, path: tuple[str, ...]) -> None:
        self.mapping = mapping
        self.start = start
        self.path = path
        self.key: Scalar | None = None  # of a mapping: the key that waits for its value
        self.keys: dict[str, int] = {}
        self.pairs: list[tuple[Scalar, YamlNode]] = []
        self.items: list[YamlNode] = []

    def next_path(self) -> tuple[str, ...]:
        if not self.mapping:
            return (*self.path, f"[{len(self.items)}]")
        return self.path if self.key is None else (*self.path, self.key.text)

    def add(self, node: YamlNode) -> None:
        if self.key is None:
            self.items.append(node)
        else:
            self.pairs.append((self.key, node))
            self.key = None

    def closed(self, source: Source, end: int) -> YamlNode:
        if self.mapping:
            return Table(source, self.start, end, self.path, tuple(self.pairs))
        return Listing(source, self.start, end, self.path, tuple(self.items))


# ---- syntax errors

MAX_HINT = 200  # characters of a line that help repeats
_VALUE = re.compile(r"\s*(?:-\s+)*(?P<key>[\w.-]+):\s+(?P<value>[^\s#].*)")


def _syntax_problem(source: Source, err: Any) -> Problem:
    """YAML's complaint, at its place, with a hint where an expression wants quotes.

    What is never closed is found out at the end of the file; its place is where it begins.
    """
    marks = (getattr(err, name, None) for name in ("problem_mark", "context_mark"))
    places = [mark.index for mark in marks if mark] or [getattr(err, "position", 0)]
    ended = places[0] >= len(source.text.rstrip())
    offset = min(places[-1 if ended else 0], len(source.text))
    problem = getattr(err, "problem", None) or "this is not YAML"
    context = getattr(err, "context", None)
    message = f"YAML: {context}: {problem}" if context else f"YAML: {problem}"
    return source.problem(Code.YAML_SYNTAX, message, offset, 0, _quote_hint(source, offset))


def _quote_hint(source: Source, offset: int) -> str:
    """How to quote the value in the line, if there is one."""
    line = source.lines[source.position(offset).line - 1].rstrip()
    match = _VALUE.match(line) if len(line) <= MAX_HINT else None
    if match is None:
        return ""
    quote = "'" if '"' in match["value"] else '"'
    return f"if this is an expression, quote it: {match['key']}: {quote}{match['value']}{quote}"


# ---- from characters of a scalar to characters of the file

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)", re.DOTALL)
_BLANK_ESCAPES = frozenset("tnvfr \t_NLP\r\n")


def locate(node: Scalar, offset: int) -> int:
    """The offset in the file of a character of a scalar's text.

    Every style keeps the visible characters in their order, and changes white space only
    (folding, indentation) and spellings (escapes): so the n-th visible character of the text is
    the n-th of the source. Of white space the answer is the place after what precedes it.
    """
    visible = sum(not character.isspace() for character in node.text[:offset])
    wanted_blank = offset >= len(node.text) or node.text[offset].isspace()
    ends = node.start
    for start, end in _visible(node):
        if visible == 0 and not wanted_blank:
            return start
        if visible == 0:
            break
        visible, ends = visible - 1, end
    return ends


def _visible(node: Scalar) -> Iterator[tuple[int, int]]:
    """The spans of the source of a scalar that stand for one visible character each."""
    text, place, end = node.source.text, node.start, node.end
    if node.style in ("|", ">"):
        header = node.source.position(place).line
        place = node.source.starts[header] if header < len(node.source.starts) else end
    elif node.style:
        place, end = place + 1, end - 1
    while place < end:
        step = 1
        if node.style == '"' and (escape := _ESCAPE.match(text, place)):
            step = len(escape[0])
            if not _is_blank(escape[0][1:]):
                yield place, place + step
        elif node.style == "'" and text[place] == "'":
            step = 2
            yield place, place + step
        elif not text[place].isspace():
            yield place, place + step
        place += step


def _is_blank(escape: str) -> bool:
    if len(escape) > 1 and escape[0] in "xuU":
        return chr(int(escape[1:], 16)).isspace()
    return escape in _BLANK_ESCAPES or escape == "\r\n"
