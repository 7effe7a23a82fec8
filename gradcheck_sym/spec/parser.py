"""Text to tree: a whitelist walk over Python's syntax tree of the expression.

Three dialects share the syntax and differ in names and calls: the mathematics ("math") calls
the function table; "torch" calls the operators of `spec.operators` and what a spec declares
under `use`; "steps" is the mathematics with `x.grad`, and with `diff(y, x)`.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Literal, final

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.constants import check_constants
from gradcheck_sym.spec.functions import CONSTANTS, FUNCTIONS, Parameter, parameters
from gradcheck_sym.spec.operators import (
    FORBIDDEN_OPTIONS,
    FORBIDDEN_PLACES,
    OPERATORS,
    canonical,
)
from gradcheck_sym.spec.tokens import MAX_DEPTH, ParseError, check, number, quoted
from gradcheck_sym.spec.tree import Node, Span
from gradcheck_sym.spec.unparse import unparse

__all__ = ["Dialect", "ParseError", "closest", "listed", "parse", "unparse"]

Dialect = Literal["math", "torch", "steps"]

MAX_PARTS = 2_000  # nodes of one expression
MAX_KNOWN = 800  # names that one may be compared with; torch's operators are three quarters of it
MAX_LISTED = 8  # names that a message lists

PROPERTIES = ("T", "mT")
_STEPS_ONLY = MappingProxyType({"diff": "y, x"})
_WORDS = MappingProxyType({"true": True, "false": False})
_BINARY: Mapping[type[ast.operator], str] = MappingProxyType(
    {
        ast.Add: "+",
        ast.Sub: "-",
        ast.Mult: "*",
        ast.Div: "/",
        ast.Pow: "**",
        ast.MatMult: "@",
    }
)
_UNARY: Mapping[type[ast.unaryop], str] = MappingProxyType(
    {ast.USub: "-", ast.UAdd: "+", ast.Not: "not"}
)
_COMPARE: Mapping[type[ast.cmpop], str] = MappingProxyType(
    {
        ast.Lt: "<",
        ast.LtE: "<=",
        ast.Gt: ">",
        ast.GtE: ">=",
        ast.Eq: "==",
        ast.NotEq: "!=",
    }
)


def parse(
    text: str,
    *,
    dialect: Dialect = "math",
    names: Collection[str] | None = None,
    operators: Collection[str] = frozenset(),
) -> Node:
    """The tree of an expression, spans counting the characters of `text`.

    `names` are what may stand free besides the constants (None: anything); `operators` are
    what the torch dialect may call by a plain name. Raises ParseError, and nothing else.
    """
    check(text)
    body = _python(text)
    _check_size(body, text)
    node = _Walk(text, dialect, names, operators).argument(body)
    check_constants(node)
    return node


def closest(name: str, known: Collection[str]) -> str:
    """The question whether a known name is meant that is near to this one; or nothing.

    Nobody means one of so many names that comparing them would take long.
    """
    if len(known) > MAX_KNOWN:
        return ""
    nearest = _nearest(name, sorted(known))
    if nearest:
        return f"did you mean {quoted(nearest)}?"
    folded = {other.casefold(): other for other in sorted(known)}
    same = folded.get(name.casefold())
    return f"did you mean {quoted(same)}?" if same else ""


_NEAR = 0.6  # the ratio of what two names have in common, as difflib.get_close_matches has it


def _nearest(name: str, known: Sequence[str]) -> str:
    """The known name that has the most in common with this one, if that is enough; or nothing.

    Of each only what may yet be nearer is looked at, for a file may have hundreds of slips.
    """
    matcher = difflib.SequenceMatcher(b=name)
    best, found = _NEAR, ""
    for other in known:
        matcher.set_seq1(other)
        bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)  # ever closer
        if all(bound() >= best for bound in bounds):
            best, found = matcher.ratio(), other
    return found


def listed(what: str, names: Collection[str]) -> str:
    """What names there are, as the end of a message: if there are any, and not too many."""
    return f"; {what} are {', '.join(sorted(names))}" if 0 < len(names) <= MAX_LISTED else ""


def _python(text: str) -> ast.expr:
    """Python's tree of a checked text, which is one logical line to it."""
    line = text.translate({ord(c): " " for c in "\t\r\n"}).lstrip()
    lead = len(text) - len(line)
    try:
        return ast.parse(line, mode="eval").body
    except SyntaxError as err:
        raise _syntax(err, text, lead) from None
    except (RecursionError, MemoryError):
        raise _too_deep(Span(0, len(text))) from None


def _syntax(err: SyntaxError, text: str, lead: int) -> ParseError:
    """Python's complaint in the words of the language, at the place in the text."""
    stop = len(text.rstrip())
    start = lead + err.offset - 1 if err.offset else stop
    if start >= stop:
        return ParseError(Code.SYNTAX, "the expression ends too early", Span(stop, stop + 1))
    end = lead + (err.end_offset or 0) - 1
    message = err.msg[:1].lower() + err.msg[1:]
    if message.startswith("invalid syntax"):  # what follows suits Python's statements
        message = "something is missing or misplaced here"
    return ParseError(Code.SYNTAX, message, Span(start, min(max(end, start + 1), stop)))


def _check_size(body: ast.expr, text: str) -> None:
    """Refuse a tree too deep to be walked by recursion, or of too many parts."""
    pending = [(body, 1)]
    parts = 0
    while pending:
        node, depth = pending.pop()
        parts += 1
        if depth > MAX_DEPTH:
            raise _too_deep(Span(0, len(text)))
        if parts > MAX_PARTS:
            message = f"the expression has more than {MAX_PARTS} parts"
            raise ParseError(Code.TOO_MANY_PARTS, message, Span(0, len(text)))
        pending += [(child, depth + 1) for child in _parts(node)]


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        else:
            yield from _parts(child)


def _too_deep(span: Span) -> ParseError:
    message = f"the expression is nested deeper than {MAX_DEPTH} levels"
    return ParseError(Code.NESTED_TOO_DEEP, message, span, "break it up with let")


@final
class _Walk:
    """One walk over Python's tree of one text."""

    def __init__(
        self,
        text: str,
        dialect: Dialect,
        names: Collection[str] | None,
        operators: Collection[str],
    ) -> None:
        self.text = text
        self.dialect = dialect
        self.names = names
        self.operators = operators
        lead = len(text) - len(text.lstrip())
        widths = accumulate((len(character.encode()) for character in text[lead:]), initial=0)
        self.offsets = {place: offset for offset, place in enumerate(widths, lead)}

    def span(self, node: ast.expr | ast.keyword) -> Span:
        """Where a node stands, in characters; Python counts bytes."""
        start = self.offsets.get(node.col_offset, 0)
        return Span(start, self.offsets.get(node.end_col_offset or 0, len(self.text)))

    def operand(self, node: ast.expr) -> Node:
        """A node that has a value to compute with."""
        converted = self.argument(node)
        if isinstance(converted, tree.Text | tree.Absent):
            message = f"{self.shown(node)} is no value to compute with"
            raise ParseError(Code.NOT_A_NUMBER, message, converted.span)
        return converted

    def argument(self, node: ast.expr) -> Node:
        """A node that may also be a text or none."""
        span = self.span(node)
        match node:
            case ast.Constant():
                return self.constant(node.value, span)
            case ast.Name():
                return self.name(node.id, span)
            case ast.UnaryOp() if type(node.op) in _UNARY:
                return tree.Unary(_UNARY[type(node.op)], self.operand(node.operand), span)
            case ast.BinOp() if type(node.op) in _BINARY:
                left, right = self.operand(node.left), self.operand(node.right)
                return tree.Binary(_BINARY[type(node.op)], left, right, span)
            case ast.BoolOp():
                op = "and" if isinstance(node.op, ast.And) else "or"
                return tree.Logic(op, tuple(map(self.operand, node.values)), span)
            case ast.Compare():
                return self.comparison(node)
            case ast.Tuple() | ast.List():
                brackets = "()" if isinstance(node, ast.Tuple) else "[]"
                return tree.Sequence(tuple(map(self.argument, node.elts)), brackets, span)
            case ast.Subscript():
                return self.index(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Call():
                return self.call(node)
            case _:
                raise self.foreign(node)

    def shown(self, node: ast.expr) -> str:
        span = self.span(node)
        return quoted(self.text[span.start : span.end], 40)

    def foreign(self, node: ast.expr, suggestion: str = "") -> ParseError:
        message = f"{self.shown(node)} is not part of the language"
        return ParseError(Code.NOT_IN_LANGUAGE, message, self.span(node), suggestion)

    def constant(self, value: object, span: Span) -> Node:
        source = self.text[span.start : span.end]
        if isinstance(value, str):
            return tree.Text(value, span)
        if isinstance(value, bool):
            return tree.Boolean(value, span)
        if value is None:
            return tree.Absent(span)
        if value is Ellipsis:
            message = "'...' stands inside an index only"
            raise ParseError(Code.NOT_IN_LANGUAGE, message, span)
        return tree.Number(number(source), span)

    def name(self, name: str, span: Span) -> Node:
        if name in _WORDS:
            return tree.Boolean(_WORDS[name], span)
        if name == "none":
            return tree.Absent(span)
        if self.names is not None and name not in self.names and name not in CONSTANTS:
            raise self.unknown_name(name, span)
        return tree.Name(name, span)

    def unknown_name(self, name: str, span: Span) -> ParseError:
        if self.dialect != "torch" and name in FUNCTIONS:
            message = f"{quoted(name)} is a function; its arguments are missing"
            signature = f"{name}({FUNCTIONS[name].signature})"
            return ParseError(Code.UNKNOWN_NAME, message, span, f"write {signature}")
        known = self.names or ()
        message = f"unknown name {quoted(name)}{listed('known', known)}"
        return ParseError(Code.UNKNOWN_NAME, message, span, closest(name, (*known, *CONSTANTS)))

    def comparison(self, node: ast.Compare) -> Node:
        """One comparison, or a chain of them as their conjunction."""
        for op in node.ops:
            if type(op) not in _COMPARE:
                raise self.foreign(node)
        operands = [self.operand(part) for part in (node.left, *node.comparators)]
        links = [
            tree.Compare(_COMPARE[type(op)], left, right, Span(left.span.start, right.span.end))
            for op, (left, right) in zip(node.ops, pairwise(operands), strict=True)
        ]
        return links[0] if len(links) == 1 else tree.Logic("and", tuple(links), self.span(node))

    def index(self, node: ast.Subscript) -> Node:
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        value = self.operand(node.value)
        return tree.Index(value, tuple(map(self.item, items)), self.span(node))

    def item(self, node: ast.expr) -> Node:
        """One item of an index."""
        span = self.span(node)
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return tree.Dots(span)
        if isinstance(node, ast.Slice):
            start, stop, step = (
                None if end is None else self.operand(end)
                for end in (node.lower, node.upper, node.step)
            )
            return tree.Slice(start, stop, step, span)
        return self.argument(node)

    def attribute(self, node: ast.Attribute) -> Node:
        """A property: .T and .mT of anything, .grad of a name, .values of a result."""
        span = self.span(node)
        if node.attr in PROPERTIES:
            return tree.Call(node.attr, (self.operand(node.value),), (), span)
        if self.dialect == "steps" and node.attr == "grad" and isinstance(node.value, ast.Name):
            self.name(node.value.id, self.span(node.value))
            return tree.Name(f"{node.value.id}.grad", span)
        if self.dialect == "torch" and node.attr in _RESULTS:
            value = self.operand(node.value)
            if isinstance(value, tree.Call) and value.function not in PROPERTIES:
                place = tree.Number(Fraction(_RESULTS.index(node.attr)), span)
                return tree.Index(value, (place,), span)
        known = node.attr in FUNCTIONS and self.dialect != "torch"
        hint = f"write {node.attr}(…)" if known else closest(node.attr, PROPERTIES)
        raise self.foreign(node, hint)

    def call(self, node: ast.Call) -> Node:
        name = _dotted(node.func)
        if not name:
            raise self.foreign(node, _instead_of(node.func))
        find = self.operator if self.dialect == "torch" else self.function
        found = find(name, self.span(node.func))
        arguments = tuple(map(self.argument, node.args))
        self.check_places(found, node)
        self.check_repeated(node)
        options = tuple(self.option(found, keyword) for keyword in node.keywords)
        signature = self.signature(found)
        if signature:
            self.check_arguments(found, signature, node)
        return tree.Call(found, arguments, options, self.span(node))

    def check_places(self, function: str, node: ast.Call) -> None:
        """Refuse by position what is refused by name."""
        place, option = FORBIDDEN_PLACES.get(function, (len(node.args), ""))
        if len(node.args) > place:
            message = f"argument {place + 1} is {quoted(option)}, which is not for a spec to set"
            raise ParseError(Code.FORBIDDEN_OPTION, message, self.span(node.args[place]))

    def check_repeated(self, node: ast.Call) -> None:
        """Refuse the same option twice, which Python's grammar alone allows."""
        seen: set[str] = set()
        for keyword in node.keywords:
            name = keyword.arg or ""
            if name in seen:
                start = self.span(keyword).start
                message = f"the option {quoted(name)} is given twice"
                raise ParseError(Code.WRONG_ARGUMENTS, message, Span(start, start + len(name)))
            seen.add(name)

    def signature(self, function: str) -> str:
        """The parameters of a function of the language; none are known of torch's."""
        if self.dialect == "torch":
            return ""
        if function in FUNCTIONS:
            return FUNCTIONS[function].signature
        return _STEPS_ONLY[function]

    def function(self, name: str, span: Span) -> str:
        """The function of the language that a call names."""
        if name in FUNCTIONS or (self.dialect == "steps" and name in _STEPS_ONLY):
            return name
        last = name.rpartition(".")[2]
        if last != name and last in FUNCTIONS:
            hint = f"write {last}(…)"
            raise ParseError(Code.UNKNOWN_FUNCTION, f"unknown function {quoted(name)}", span, hint)
        if self.names is not None and name in self.names:
            message = f"{quoted(name)} is a value, not a function"
            raise ParseError(Code.UNKNOWN_FUNCTION, message, span, f"write {name}*(…)")
        hint = closest(name, FUNCTIONS)
        raise ParseError(Code.UNKNOWN_FUNCTION, f"unknown function {quoted(name)}", span, hint)

    def operator(self, name: str, span: Span) -> str:
        """The operator of torch, or the user's own, that a call names."""
        if name in self.operators:
            return name
        full = canonical(name)
        if full in OPERATORS:
            return full
        suffix = f".{name}"
        hint = closest(full, (*OPERATORS, *self.operators))
        same = [operator for operator in sorted(OPERATORS) if operator.endswith(suffix)]
        if "." not in name and same:
            hint = f"did you mean {quoted(same[0])}?"
        message = f"{quoted(name)} is not in the table of torch's pure operators"
        if "." not in name:
            message = f"unknown operator {quoted(name)}"
        raise ParseError(Code.UNKNOWN_OPERATOR, message, span, hint)

    def option(self, function: str, keyword: ast.keyword) -> tuple[str, Node]:
        if keyword.arg is None:
            message = "'**' does not spread options in a call"
            raise ParseError(Code.NOT_IN_LANGUAGE, message, self.span(keyword))
        if function in OPERATORS and "." in function and keyword.arg in FORBIDDEN_OPTIONS:
            message = f"the option {quoted(keyword.arg)} is not for a spec to set"
            start = self.span(keyword).start
            span = Span(start, start + len(keyword.arg))
            raise ParseError(Code.FORBIDDEN_OPTION, message, span)
        return keyword.arg, self.argument(keyword.value)

    def check_arguments(self, function: str, signature: str, node: ast.Call) -> None:
        """Refuse a call of the language's function that does not fit its parameters."""
        declared = parameters(signature)
        shape = f"{function}({signature})"
        given = _positional(declared, len(node.args))
        if len(given) < len(node.args):
            span = self.span(node.args[len(given)])
            message = f"{shape} takes at most {len(given)} arguments"
            raise ParseError(Code.WRONG_ARGUMENTS, message, span)
        for keyword in node.keywords:
            name = keyword.arg or ""
            start = self.span(keyword).start
            span = Span(start, start + len(name))
            if name in given:
                message = f"{shape}: {quoted(name)} is given by position already"
                raise ParseError(Code.WRONG_ARGUMENTS, message, span)
            allowed = [parameter.name for parameter in declared if not parameter.variadic]
            if name not in allowed:
                message = f"{shape} has no parameter {quoted(name)}"
                raise ParseError(Code.WRONG_ARGUMENTS, message, span, closest(name, allowed))
            given.append(name)
        self.check_required(declared, given, shape, self.span(node))

    def check_required(
        self, declared: tuple[Parameter, ...], given: list[str], shape: str, span: Span
    ) -> None:
        for parameter in declared:
            if parameter.default is None and parameter.name not in given:
                message = f"{shape} needs {quoted(parameter.name)}"
                raise ParseError(Code.WRONG_ARGUMENTS, message, span)


_RESULTS = ("values", "indices")


def _positional(declared: tuple[Parameter, ...], count: int) -> list[str]:
    """The names of the parameters that take the first `count` arguments, as far as they go."""
    taken: list[str] = []
    for parameter in declared:
        if parameter.variadic:
            return [*taken, *[parameter.name] * (count - len(taken))]
        taken.append(parameter.name)
    return taken[:count]


def _instead_of(called: ast.expr) -> str:
    """What to write where something is called that has no name."""
    match called:
        case ast.Attribute(attr=method):
            return f"write {method}(…)"
        case ast.Call():
            return "give what is made here a name in its module, and name that in use"
        case _:
            return "write * to multiply"


def _dotted(node: ast.expr) -> str:
    """The dotted name that a node spells, or nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join(reversed([*parts, node.id]))
