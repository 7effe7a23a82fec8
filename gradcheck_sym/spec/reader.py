"""Files to specs: everything that is wrong with all of them is told at once.

Reading executes nothing of what it reads, and imports neither torch nor SymPy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import final

from gradcheck_sym.errors import Problem, SpecError
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.checks import CHECKS
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.files import discover, source_of
from gradcheck_sym.spec.inputs import read_dims, read_examples, read_inputs
from gradcheck_sym.spec.keys import ABOUT_EXPR, CHECK, FAMILY, SPEC
from gradcheck_sym.spec.kinks import read_kinks
from gradcheck_sym.spec.parser import closest
from gradcheck_sym.spec.reading import (
    EnoughError,
    Language,
    Report,
    expression,
    fields,
    gaps,
    identifier,
    items,
    line,
    one_or_more,
    pairs,
    plain,
    require,
    shown,
    text,
    word,
    wrong_type,
)
from gradcheck_sym.spec.records import Expression, Input, Skip, Spec
from gradcheck_sym.spec.steps import read_steps, used_names
from gradcheck_sym.spec.tokens import identifier_complaint, quoted
from gradcheck_sym.spec.yaml_nodes import (
    MAX_VALUES,
    Listing,
    Scalar,
    Source,
    Table,
    YamlNode,
    compose,
)


def read(paths: Iterable[str]) -> tuple[Spec, ...]:
    """The specs of all files that paths name, in order.

    Raises SpecError with all problems of all files, in the order of files and lines.
    """
    files, problems = discover(paths)
    specs: list[Spec] = []
    for path in files:
        found, wrong = read_file(path)
        specs += found
        problems += wrong
    if problems:
        raise SpecError(problems)
    return tuple(specs)


def read_file(path: str) -> tuple[tuple[Spec, ...], tuple[Problem, ...]]:
    """The specs of one file and its problems in the order of lines."""
    source = source_of(path)
    if isinstance(source, Problem):
        return (), (source,)
    return read_source(source)


def read_source(source: Source) -> tuple[tuple[Spec, ...], tuple[Problem, ...]]:
    """The specs of a file's text and its problems in the order of lines."""
    root, problems = compose(source)
    report = Report(dict.fromkeys(problems))
    specs: list[Spec] = []
    with suppress(EnoughError):  # the report says so itself
        specs += _specs(report, root) if root is not None else ()
        for gap in gaps(root) if root is not None else ():  # those that would do as a text, too
            report.add(Code.GAP, gap, "")
    return tuple(specs), tuple(sorted(report.problems, key=_place))


def _place(problem: Problem) -> tuple[int, int]:
    where = problem.position
    return (where.line, where.column) if where else (0, 0)


# ---- specs of a file


def _specs(report: Report, root: YamlNode) -> Iterator[Spec]:
    if isinstance(root, Table) and (root.get("specs") or root.get("defaults")):
        yield from _family(report, root)
        return
    name = Path(root.source.path).stem
    spec = _Reading(report, root, {}, name).spec()
    if spec is not None:
        yield spec


def _family(report: Report, root: Table) -> Iterator[Spec]:
    known = fields(report, root, FAMILY, "a family")
    require(report, root, known, FAMILY, "")
    defaults: Mapping[str, YamlNode] = {}
    if "defaults" in known:
        defaults = fields(report, known["defaults"], SPEC, "defaults")
        if "specs" in known and _is_too_much(report, known["defaults"], known["specs"]):
            return
    seen: dict[str, int] = {}  # name -> offset of the first of that name
    specs = known.get("specs")
    if isinstance(specs, Listing) and not specs.items:
        report.add(Code.EMPTY_FILE, specs, "the list holds no spec")
    for node in items(report, specs, "specs is a list") if specs is not None else ():
        spec = _Reading(report, node, defaults, "").spec()
        name = node.get("name") if isinstance(node, Table) else None
        if isinstance(name, Scalar):
            first = root.source.position(seen.setdefault(name.text, name.start)).line
            if seen[name.text] != name.start:
                message = f"{quoted(name.text)} is also the name of the spec in line {first}"
                report.add(Code.DUPLICATE_NAME, name, message)
        if spec is not None:
            yield spec


def _is_too_much(report: Report, defaults: YamlNode, specs: YamlNode) -> bool:
    """Whether reading the defaults once for each spec would take too long."""
    number = len(specs.items) if isinstance(specs, Listing) else 0
    if number * _size(defaults) <= MAX_VALUES:
        return False
    message = f"in each of {number} specs they would be more than {MAX_VALUES} keys and values"
    report.add(Code.TOO_MANY_VALUES, defaults, message)
    return True


def _size(node: YamlNode) -> int:
    """How many keys and values there are."""
    match node:
        case Listing():
            return 1 + sum(map(_size, node.items))
        case Table():
            return 1 + sum(1 + _size(value) for _, value in node.pairs)
        case Scalar():
            return 1


_USE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")


@final
class _Reading:
    """One spec being read: its keys, those of the defaults under them."""

    def __init__(
        self, report: Report, node: YamlNode, defaults: Mapping[str, YamlNode], name: str
    ) -> None:
        self.report = report
        self.node = node
        self.defaults = defaults
        self.own = fields(report, node, SPEC, "a spec")
        self.known = {**defaults, **self.own}
        self.default_name = name

    def spec(self) -> Spec | None:
        """The spec, if nothing is wrong with it."""
        if not isinstance(self.node, Table):
            return None
        before = len(self.report.problems)
        known, report = self.known, self.report
        inputs = read_inputs(report, known["inputs"]) if "inputs" in known else ()
        dims = read_dims(report, known.get("dims"), inputs)
        arguments = self.keys("inputs")
        sizes = frozenset(dim.name for dim in dims) | self.keys("dims")
        let = self.let(arguments, sizes)
        use = self.use()
        own = frozenset(name for name, _ in use)
        values = Language("math", arguments | sizes | self.keys("let"))
        steps = read_steps(report, known["steps"], arguments) if "steps" in known else ()
        found = Spec(
            name=self.name(),
            path=self.node.source.path,
            position=self.node.source.position(self.node.start),
            title=self.line("title"),
            source=self.line("source"),
            notes=(text(report, known["notes"]) or "") if "notes" in known else "",
            tags=self.tags(),
            inputs=inputs,
            dims=dims,
            where=self.conditions(Language("math", arguments | sizes)),
            let=let,
            expr=self.expression("expr", values),
            torch=self.expression("torch", Language("torch", arguments | sizes, own)),
            use=use,
            examples=read_examples(report, known["examples"], inputs)
            if "examples" in known
            else (),
            kinks=self.kinks(inputs),
            steps=steps,
            checks=self.checks(),
            xfail=self.xfail(),
        )
        if len(report.problems) == before:
            self.check_sense()
        if len(report.problems) == before:
            self.check_use_of_parts(found)
        return found if len(report.problems) == before else None

    # ---- identity

    def name(self) -> str:
        if "name" in self.own:
            return word(self.report, self.own["name"], "a name") or ""
        if not self.default_name:
            message = "the key 'name' is missing: a spec of a family has its own"
            self.missing(message)
            return ""
        stem = Scalar(
            self.node.source, self.node.start, self.node.start, (), self.default_name, "'"
        )
        return word(self.report, stem, "a name, here the file's,") or ""

    def line(self, key: str) -> str:
        return line(self.report, self.known[key]) if key in self.known else ""

    def tags(self) -> tuple[str, ...]:
        """The tags of the defaults and the spec's own."""
        lists = [fields["tags"] for fields in (self.defaults, self.own) if "tags" in fields]
        found = [
            word(self.report, item, "a tag")
            for node in lists
            for item in items(self.report, node, "a list of words is wanted")
        ]
        return tuple(dict.fromkeys(tag for tag in found if tag is not None))

    # ---- the mathematics

    def keys(self, key: str) -> frozenset[str]:
        """The keys of a mapping, whether or not their values can be read."""
        node = self.known.get(key)
        return (
            frozenset(name.text for name, _ in node.pairs)
            if isinstance(node, Table)
            else frozenset()
        )

    def let(
        self, arguments: frozenset[str], sizes: frozenset[str]
    ) -> tuple[tuple[str, Expression], ...]:
        """The intermediates; each sees the inputs and those before it."""
        found: list[tuple[str, Expression]] = []
        taken = arguments | sizes
        scope = set(taken)
        node = self.known.get("let")
        wanted = "let is a mapping, such as {z: beta*x}"
        for key, value in pairs(self.report, node, wanted) if node else ():
            bound = expression(self.report, value, Language("math", scope))
            if key.text in taken:
                message = f"{quoted(key.text)} is an input or a size already"
                self.report.add(Code.DUPLICATE_NAME, key, message)
            elif identifier(self.report, key) and bound is not None:
                found.append((key.text, bound))
            scope.add(key.text)
        return tuple(found)

    def kinks(self, inputs: tuple[Input, ...]) -> dict[str, str]:
        """The members that are demanded at kinks."""
        node = self.known.get("kinks")
        if node is None:
            return {}
        return read_kinks(self.report, node, inputs, sorted(self.keys("inputs")))

    def expression(self, key: str, language: Language) -> Expression | None:
        if key not in self.known:
            return None
        return expression(self.report, self.known[key], language)

    def conditions(self, language: Language) -> tuple[Expression, ...]:
        """The constraints between inputs."""
        node = self.known.get("where")
        found = []
        for item in one_or_more(node) if node else ():
            condition = expression(self.report, item, language)
            if condition is None:
                continue
            if not _is_condition(condition.tree):
                message = f"got {shown(item)}; a comparison is wanted, such as x < y"
                self.report.add(Code.NOT_A_CONDITION, item, message)
            found.append(condition)
        return tuple(found)

    def use(self) -> tuple[tuple[str, str], ...]:
        """The user's own functions."""
        node = self.known.get("use")
        found = []
        for key, value in pairs(self.report, node, "use is a mapping of names") if node else ():
            complaint = identifier_complaint(key.text)
            if complaint:
                self.report.add(Code.BAD_NAME, key, complaint)
            target = value.text if isinstance(value, Scalar) else ""
            if not _USE.fullmatch(target):
                message = f"got {shown(value)}; a target is written package.module:attribute"
                self.report.add(Code.BAD_USE, value, message)
            found.append((key.text, target))
        return tuple(found)

    # ---- checks

    def checks(self) -> dict[str, Mapping[str, object] | Skip]:
        """The checks that are turned on or skipped."""
        found: dict[str, Mapping[str, object] | Skip] = {}
        for key, value in self.by_check("checks"):
            if isinstance(value, Scalar) and plain(self.report, value) in (None, True):
                found[key.text] = {}
                continue
            if not isinstance(value, Table):
                wrong_type(self.report, value, 'true or {skip: "the reason"} is wanted')
                continue
            known = fields(self.report, value, CHECK, "a check")
            found[key.text] = Skip(line(self.report, known["skip"])) if "skip" in known else {}
        return found

    def xfail(self) -> dict[str, str]:
        """The checks that must fail, with their reasons."""
        return {key.text: line(self.report, value) for key, value in self.by_check("xfail")}

    def by_check(self, key: str) -> Iterator[tuple[Scalar, YamlNode]]:
        node = self.known.get(key)
        for name, value in pairs(self.report, node, f"{key} is a mapping") if node else ():
            if name.text in CHECKS:
                yield name, value
                continue
            message = f"unknown check {quoted(name.text)}; the checks are {', '.join(CHECKS)}"
            self.report.add(Code.UNKNOWN_CHECK, name, message, closest(name.text, CHECKS))

    # ---- the spec as a whole

    def missing(self, message: str, code: Code = Code.MISSING_KEY) -> None:
        """A problem with what is not there, shown where the spec begins."""
        start = self.node.start
        self.report.put(code, self.node, message, (start, start + 1), "")

    def check_sense(self) -> None:
        """Refuse a spec that would look at nothing."""
        if "inputs" not in self.known:
            self.missing("the key 'inputs' is missing: the arguments, in order")
        elif not self.keys("inputs"):
            self.missing("the spec has no inputs, so it checks nothing", Code.CHECKS_NOTHING)
        if "expr" not in self.known:
            self.check_without_expr()

    def check_use_of_parts(self, spec: Spec) -> None:
        """Refuse what the spec says and nothing reads."""
        self.check_skips(spec)
        self.check_steps(spec)
        self.check_use(spec)
        self.check_unused(spec)

    def check_without_expr(self) -> None:
        if "steps" not in self.known:
            self.missing("the spec has neither expr nor steps", Code.CHECKS_NOTHING)
            return
        for key in ABOUT_EXPR:
            if key in self.known:
                message = "this is about expr, which is missing"
                self.report.add(Code.MISSING_KEY, self.known[key], message)

    def check_skips(self, spec: Spec) -> None:
        judged = ["steps"] if spec.expr is None else [*CHECKS]
        if all(isinstance(spec.checks.get(name), Skip) for name in judged):
            message = "every check is skipped, so the spec checks nothing"
            self.report.add(Code.CHECKS_NOTHING, self.known["checks"], message)

    def check_steps(self, spec: Spec) -> None:
        complex_ones = [entry.name for entry in spec.inputs if entry.complex]
        if spec.steps and complex_ones:
            message = f"steps take real inputs only; {quoted(complex_ones[0])} is complex"
            self.report.add(Code.CONFLICT, self.known["steps"], message)

    def check_use(self, spec: Spec) -> None:
        called = _called(spec.torch)
        for key, _ in pairs(self.report, self.known["use"], "") if spec.use else ():
            if key.text not in called:
                message = f"{quoted(key.text)} is not called in torch"
                self.report.add(Code.UNUSED_USE, key, message)

    def check_unused(self, spec: Spec) -> None:
        node = self.known["inputs"]
        used = set(_mentioned(spec))
        for key, _ in pairs(self.report, node, ""):
            if key.text not in used:
                message = f"the input {quoted(key.text)} is never used"
                self.report.add(Code.UNUSED_INPUT, key, message)


def _is_condition(node: tree.Node) -> bool:
    if isinstance(node, tree.Unary):
        return node.op == "not" and _is_condition(node.operand)
    if isinstance(node, tree.Logic):
        return all(map(_is_condition, node.operands))
    return isinstance(node, tree.Compare)


def _called(value: Expression | None) -> frozenset[str]:
    parts = tree.walk(value.tree) if value is not None else ()
    return frozenset(part.function for part in parts if isinstance(part, tree.Call))


def _mentioned(spec: Spec) -> Iterator[str]:
    """The names that expr, torch, let and steps mention."""
    written = [spec.expr, spec.torch, *(value for _, value in spec.let)]
    for value in written:
        if value is not None:
            yield from tree.names(value.tree)
    yield from used_names(spec.steps)
