"""Reading a spec's inputs, sizes and examples."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import final

from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.domain import format_domain, parse_domain
from gradcheck_sym.spec.dtypes import COMPLEX_DTYPES, DTYPES, format_of
from gradcheck_sym.spec.keys import EXAMPLE, INPUT
from gradcheck_sym.spec.numbers import MAX_RANK, Form, leaves, values
from gradcheck_sym.spec.parser import listed
from gradcheck_sym.spec.reading import (
    Report,
    boolean,
    choice,
    fields,
    identifier,
    items,
    pairs,
    plain,
    position,
    shown,
    wrong_type,
)
from gradcheck_sym.spec.records import MAX_ELEMENTS, Dim, Domain, Example, Input, Nested
from gradcheck_sym.spec.tokens import ParseError, quoted
from gradcheck_sym.spec.yaml_nodes import Scalar, Table, YamlNode

MAX_SIZE = MAX_ELEMENTS  # of one dimension
DEFAULT_SIZES = (1, 4)  # of a symbolic size

Shape = tuple[int | str, ...]


def read_inputs(report: Report, node: YamlNode) -> tuple[Input, ...]:
    """The inputs that can be read, in order."""
    found = []
    declared = pairs(report, node, "inputs is a mapping of names")
    taken = {key.text for key, _ in declared}
    for key, value in declared:
        name = identifier(report, key)
        entry = _input(report, key, value, taken)
        if name is not None and entry is not None:
            found.append(entry)
    _check_dtypes(report, found, {key.text: key for key, _ in declared})
    return tuple(found)


def _check_dtypes(report: Report, inputs: Iterable[Input], keys: Mapping[str, Scalar]) -> None:
    """Report the first input whose dtype shares too few numbers with that of another one."""
    own = [entry for entry in inputs if entry.dtype is not None]
    for entry, other in combinations(own, 2):
        mine, theirs = format_of(str(entry.dtype)), format_of(str(other.dtype))
        if not (mine.holds(theirs) or theirs.holds(mine)):
            message = (
                f"{other.name} is {theirs.name} and {entry.name} is {mine.name}: neither holds the"
                " numbers of the other, so that there is no point at which both are exact"
            )
            report.add(Code.BAD_DTYPE, keys[other.name], message)
            return


def _input(report: Report, key: Scalar, node: YamlNode, taken: Collection[str]) -> Input | None:
    before = len(report.problems)
    nothing = isinstance(node, Scalar) and not node.text
    known = {} if nothing else fields(report, node, INPUT, "an input")
    dtype = _dtype(report, known["dtype"]) if "dtype" in known else None
    paired = dtype in COMPLEX_DTYPES
    value, shape = _value_and_shape(report, known, taken, "complex" if paired else "real")
    domain = read_domain(report, known["domain"]) if "domain" in known else None
    tracked = boolean(report, known["requires_grad"]) if "requires_grad" in known else True
    if value is not None and domain is not None:
        check_inside(report, known["value"], value, domain)
    if len(report.problems) > before:
        return None
    where = key.source.position(key.start)
    dtype = COMPLEX_DTYPES.get(dtype, dtype) if dtype is not None else None
    return Input(key.text, value, shape, domain, dtype, tracked is not False, where, paired)


def _dtype(report: Report, node: YamlNode) -> str | None:
    return choice(report, node, (*DTYPES, *COMPLEX_DTYPES), Code.BAD_DTYPE, "a dtype")


def _value_and_shape(
    report: Report, known: Mapping[str, YamlNode], taken: Collection[str], form: Form
) -> tuple[Nested | None, Shape]:
    for key in INPUT:
        for other in key.excludes:
            if key.name in known and other in known:
                message = f"{other} and {key.name} exclude each other; keep one of them"
                report.add(Code.CONFLICT, known[key.name], message)
    if "value" in known:
        return values(report, known["value"], form) or (None, ())
    return None, read_shape(report, known["shape"], taken) if "shape" in known else ()


def read_domain(report: Report, node: YamlNode) -> Domain | None:
    """A domain in interval notation."""
    if not isinstance(node, Scalar):
        wrong_type(report, node, 'a domain is wanted, such as "[-1, 1]", in quotes')
        return None
    report.spend(node, node.text, 1 + node.text.count(",") + node.text.count("|"))
    try:
        return parse_domain(node.text)
    except ParseError as err:
        report.parse_error(err, node)
        return None


def check_inside(report: Report, node: YamlNode, value: Nested, domain: Domain) -> None:
    """Report the first number of a value that its domain does not contain."""
    for number in leaves(value):
        if number not in domain:
            message = f"{number!r} is outside the domain {format_domain(domain)}"
            report.add(Code.OUTSIDE_DOMAIN, node, message)
            return


# ---- shapes and sizes


def read_shape(report: Report, node: YamlNode, taken: Collection[str]) -> Shape:
    """The sizes of a shape; a name is a symbolic size, and not one of those taken."""
    wanted = "a shape is a list of sizes, such as [3, n]; [] is a scalar"
    sizes = items(report, node, wanted)
    if len(sizes) > MAX_RANK:
        report.add(Code.BAD_SHAPE, node, f"{len(sizes)} dimensions; at most {MAX_RANK} are read")
        return ()
    found = [_size(report, item, taken) for item in sizes]
    kept = tuple(size for size in found if size is not None)
    if math.prod(size for size in kept if isinstance(size, int)) > MAX_ELEMENTS:
        report.add(Code.BAD_SHAPE, node, f"more than {MAX_ELEMENTS} elements")
    return kept


def _size(report: Report, node: YamlNode, taken: Collection[str]) -> int | str | None:
    before = len(report.problems)
    value = plain(report, node) if isinstance(node, Scalar) else None
    if len(report.problems) > before:
        return None
    if isinstance(node, Scalar) and isinstance(value, str):
        if node.text in taken:
            message = f"{quoted(node.text)} is an input; a size has a name of its own"
            report.add(Code.DUPLICATE_NAME, node, message)
        return identifier(report, node)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SIZE:
        return value
    message = f"got {shown(node)}; a size is a number from 0 to {MAX_SIZE}, or a name"
    report.add(Code.BAD_SHAPE, node, message)
    return None


_RANGE = re.compile(r"\s*([0-9]{1,9})\s*\.\.\s*([0-9]{1,9})\s*")


def read_dims(report: Report, node: YamlNode | None, inputs: Iterable[Input]) -> tuple[Dim, ...]:
    """The symbolic sizes of the inputs' shapes, in order of first appearance."""
    used = dict.fromkeys(size for entry in inputs for size in entry.shape if isinstance(size, str))
    ranges = _ranges(report, node, used) if node is not None else {}
    dims = tuple(Dim(name, *ranges.get(name, DEFAULT_SIZES), name in ranges) for name in used)
    if node is not None:
        _check_largest(report, node, inputs, {dim.name: dim.high for dim in dims})
    return dims


def _check_largest(
    report: Report, node: YamlNode, inputs: Iterable[Input], largest: Mapping[str, int]
) -> None:
    """Report the inputs that have too many elements where every size is at its largest."""
    for entry in inputs:
        sizes = (largest[size] if isinstance(size, str) else size for size in entry.shape)
        if (count := math.prod(sizes)) > MAX_ELEMENTS:
            message = f"{quoted(entry.name)} may have {count} elements; at most {MAX_ELEMENTS}"
            report.add(Code.BAD_DIM, node, message)


def _ranges(report: Report, node: YamlNode, used: Collection[str]) -> dict[str, tuple[int, int]]:
    """The ranges that the author gives."""
    found = {}
    for key, value in pairs(report, node, 'dims is a mapping, such as n: "1..8"'):
        if key.text not in used:
            report.add(Code.UNUSED_DIM, key, f"the size {quoted(key.text)} is in no shape")
        sizes = _range(report, value)
        if sizes is not None:
            found[key.text] = sizes
    return found


def _range(report: Report, node: YamlNode) -> tuple[int, int] | None:
    value = plain(report, node) if isinstance(node, Scalar) else None
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool):
        low, high = value, value
    elif match:
        low, high = int(match[1]), int(match[2])
    else:
        report.add(Code.BAD_DIM, node, f'got {shown(node)}; a range is written "1..8", or 3')
        return None
    if not 0 <= low <= high <= MAX_SIZE:
        message = f"got {shown(node)}; sizes rise, and lie between 0 and {MAX_SIZE}"
        report.add(Code.BAD_DIM, node, message)
        return None
    return low, high


# ---- examples


def read_examples(report: Report, node: YamlNode, inputs: tuple[Input, ...]) -> tuple[Example, ...]:
    """The examples that can be read, in order."""
    by_name = {entry.name: entry for entry in inputs}
    free = tuple(entry.name for entry in inputs if entry.value is None)
    listing = items(report, node, "a list is wanted")
    found = (_example(report, item, _Arguments(report, by_name, free)) for item in listing)
    return tuple(example for example in found if example is not None)


def _example(report: Report, node: YamlNode, arguments: _Arguments) -> Example | None:
    before = len(report.problems)
    known = fields(report, node, EXAMPLE, "an example")
    point = arguments.point(node, known.get("point"))
    grad = arguments.by_input(known.get("grad"))
    for name, (value_node, _) in grad.items():
        if not arguments.inputs[name].requires_grad:
            report.add(Code.CONFLICT, value_node, f"{quoted(name)} has requires_grad: false")
    value = values(report, known["value"], "either") if "value" in known else None
    if len(report.problems) > before:
        return None
    return Example(
        {name: number for name, (_, number) in point.items()},
        value[0] if value is not None else None,
        {name: number for name, (_, number) in grad.items()},
        position(node),
    )


_Read = dict[str, tuple[YamlNode, Nested]]


@final
class _Arguments:
    """The values that one example gives by input, all for the same sizes."""

    def __init__(self, report: Report, inputs: Mapping[str, Input], free: tuple[str, ...]) -> None:
        self.report = report
        self.inputs = inputs
        self.free = free  # those without a fixed value
        self.sizes: dict[str, int] = {}

    def point(self, example: YamlNode, node: YamlNode | None) -> _Read:
        """The values of the inputs that have none fixed; each must be there, in its domain."""
        found = self.by_input(node)
        for name, (value_node, value) in found.items():
            entry = self.inputs[name]
            if entry.value is not None:
                message = f"{quoted(name)} has a fixed value"
                self.report.add(Code.CONFLICT, value_node, message)
            elif entry.domain is not None:
                check_inside(self.report, value_node, value, entry.domain)
        given = {key.text for key, _ in node.pairs} if isinstance(node, Table) else set()
        for name in self.free:
            if name not in given:
                message = f"the point has no value for {quoted(name)}"
                self.report.add(Code.MISSING_KEY, node or example, message)
        return found

    def by_input(self, node: YamlNode | None) -> _Read:
        """The values of a mapping from inputs, each in its input's shape."""
        found: _Read = {}
        if node is None:
            return found
        for key, item in pairs(self.report, node, "a mapping of inputs is wanted"):
            if key.text not in self.inputs:
                self.unknown(key)
                continue
            form: Form = "complex" if self.inputs[key.text].complex else "real"
            read = values(self.report, item, form)
            if read is not None and self.fits(item, key.text, read[1]):
                found[key.text] = (item, read[0])
        return found

    def unknown(self, key: Scalar) -> None:
        message = f"{quoted(key.text)} is no input{listed('the inputs', self.inputs)}"
        self.report.add(Code.UNKNOWN_NAME, key, message)

    def fits(self, node: YamlNode, name: str, shape: tuple[int, ...]) -> bool:
        """Whether the shape is the input's, with the sizes that this example's values have."""
        wanted = self.inputs[name].shape
        matches = len(wanted) == len(shape)
        for size, actual in zip(wanted, shape, strict=False):
            if isinstance(size, str):
                size = self.sizes.setdefault(size, actual)
            matches = matches and size == actual
        if not matches:
            asked = f"[{', '.join(map(str, wanted))}]"
            message = f"a value of shape {list(shape)}; {quoted(name)} has the shape {asked}"
            self.report.add(Code.SHAPE_MISMATCH, node, message)
        return matches
