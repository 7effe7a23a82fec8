"""Reading a steps program: one action a step, names in scope as the program runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import final

from gradcheck_sym.spec import tree
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.keys import ACTIONS, BLOCKS, RAISES, STEP
from gradcheck_sym.spec.parser import closest, listed
from gradcheck_sym.spec.reading import (
    Language,
    Report,
    boolean,
    choice,
    expression,
    fields,
    identifier,
    items,
    one_or_more,
    pairs,
    parsed,
    position,
    require,
    shown,
    wrong_type,
)
from gradcheck_sym.spec.records import Expression, Step
from gradcheck_sym.spec.tokens import quoted
from gradcheck_sym.spec.yaml_nodes import Scalar, Table, YamlNode

EXCEPTIONS = ("RuntimeError", "IndexError", "TypeError", "ValueError", "NotImplementedError")

Bindings = tuple[tuple[str, Expression | None], ...]

_EXPECTED = re.compile(r"(?P<name>\w+)(?:\.(?P<what>grad|requires_grad|is_leaf))?")
_TARGET = re.compile(r"(?P<name>\w+)(?P<data>\.data)?(?P<index>\[.*\])?", re.DOTALL)
_KINDS = ("grad", "requires_grad", "is_leaf")


def read_steps(report: Report, node: YamlNode, inputs: frozenset[str]) -> tuple[Step, ...]:
    """The steps that can be read, in order; `inputs` are the names that exist at the start."""
    return _Program(report, set(inputs)).steps(node)


def used_names(steps: tuple[Step, ...]) -> Iterator[str]:
    """The names that a program mentions, among them every input it uses."""
    for step in steps:
        yield from step.wrt
        for target, value in step.bindings:
            if step.action != "let":
                yield re.split(r"\W", target, maxsplit=1)[0]
            yield from _free(value)
        yield from _free(step.of)
        yield from _free(step.gradient)
        yield from used_names(step.body)


def _free(value: Expression | None) -> Iterator[str]:
    if value is not None:
        yield from (name.partition(".")[0] for name in tree.names(value.tree))


@final
class _Program:
    """One program being read: the names that its steps so far have made are in scope."""

    def __init__(self, report: Report, scope: set[str]) -> None:
        self.report = report
        self.scope = scope

    @property
    def language(self) -> Language:
        return Language("steps", self.scope)

    def steps(self, node: YamlNode) -> tuple[Step, ...]:
        wanted = "a list of steps is wanted"
        found = [self.step(item) for item in items(self.report, node, wanted)]
        return tuple(step for step in found if step is not None)

    def step(self, node: YamlNode) -> Step | None:
        """One step: an action, and perhaps the exception it must raise."""
        before = len(self.report.problems)
        known = fields(self.report, node, (*STEP, RAISES), "a step")
        actions = [name for name in known if name != RAISES.name]
        if len(actions) != 1:
            if len(self.report.problems) == before:
                given = ", ".join(actions) or "none"
                self.report.add(Code.BAD_STEP, node, f"a step has one action; here: {given}")
            return None
        raises = None
        if RAISES.name in known:
            found = known[RAISES.name]
            raises = choice(self.report, found, EXCEPTIONS, Code.UNKNOWN_EXCEPTION, "an exception")
        (action,) = actions
        kept = None if raises is None else set(self.scope)  # what raises binds nothing
        step = self.action(action, known[action], node, raises)
        if kept is not None:
            self.scope = kept
        return step if len(self.report.problems) == before else None

    def action(self, name: str, node: YamlNode, step: YamlNode, raises: str | None) -> Step:
        where = position(step)
        if name == "let":
            return Step(name, where, bindings=self.lets(node), raises=raises)
        if name == "expect":
            return Step(name, where, bindings=self.expectations(node), raises=raises)
        if name == "set":
            return Step(name, where, bindings=self.targets(node), raises=raises)
        if name in BLOCKS:
            return Step(name, where, body=self.steps(node), raises=raises)
        return self.call(name, node, step, raises)

    # ---- actions on bindings

    def lets(self, node: YamlNode) -> Bindings:
        found = []
        for key, value in pairs(self.report, node, "let is a mapping, such as {y: x*x}"):
            bound = expression(self.report, value, self.language)
            name = identifier(self.report, key)
            found.append((key.text, bound))
            if name is not None:
                self.scope.add(name)
        return tuple(found)

    def expectations(self, node: YamlNode) -> Bindings:
        wanted = "expect is a mapping, such as {x.grad: 10}"
        return tuple(
            (key.text, self.expectation(key, value))
            for key, value in pairs(self.report, node, wanted)
        )

    def expectation(self, key: Scalar, node: YamlNode) -> Expression | None:
        match = _EXPECTED.fullmatch(key.text)
        if match is None:
            last = key.text.rpartition(".")[2]
            message = f"got {shown(key)}; what is expected of y is y, y.grad, y.requires_grad"
            hint = closest(last, _KINDS)
            self.report.add(Code.BAD_EXPECTATION, key, f"{message} or y.is_leaf", hint)
            return None
        self.known(key, match["name"])
        if isinstance(node, Scalar) and node.text in ("", "~", "null", "none") and not node.style:
            if match["what"] != "grad":
                wrong_type(self.report, node, "only a gradient can be null")
            return None
        value = expression(self.report, node, self.language)
        is_flag = match["what"] in ("requires_grad", "is_leaf")
        if value is not None and is_flag != isinstance(value.tree, tree.Boolean):
            wanted = "true or false is wanted" if is_flag else "a number or array is wanted"
            wrong_type(self.report, node, wanted)
        return value

    def known(self, node: Scalar, name: str) -> bool:
        if name in self.scope:
            return True
        message = f"unknown name {quoted(name)}{listed('there', self.scope)}"
        self.report.add(Code.UNKNOWN_NAME, node, message, closest(name, self.scope))
        return False

    def targets(self, node: YamlNode) -> Bindings:
        wanted = 'set is a mapping, such as {"c[0]": 100}'
        found = []
        for key, value in pairs(self.report, node, wanted):
            self.target(key)
            found.append((key.text, expression(self.report, value, self.language)))
        return tuple(found)

    def target(self, key: Scalar) -> None:
        """Check what is written to: a tensor, its data, or a part of one."""
        match = _TARGET.fullmatch(key.text)
        if match is None:
            message = f"got {shown(key)}; what set writes to is written c, c.data or c[0]"
            self.report.add(Code.BAD_TARGET, key, message)
        elif self.known(key, match["name"]) and match["index"]:
            blank = " " * len(match["data"] or "")  # keeps the place of every character
            parsed(self.report, key, f"{match['name']}{blank}{match['index']}", self.language)

    # ---- actions that take keys of their own

    def call(self, action: str, node: YamlNode, step: YamlNode, raises: str | None) -> Step:
        keys = ACTIONS[action]
        known = {keys[0].name: node}
        if isinstance(node, Table):
            known = fields(self.report, node, keys, action)
        require(self.report, node, known, keys, "")
        wrt, new = self.names(action, known), self.new_names(known)
        if "as" in known and "wrt" in known and len(new) != len(wrt):
            message = f"{len(new)} names for {len(wrt)} gradients"
            self.report.add(Code.BAD_STEP, known["as"], message)
        flags = {
            name: boolean(self.report, known[name])
            for name in ("retain_graph", "create_graph", "set_to_none", "flag")
            if name in known
        }
        return Step(
            action,
            position(step),
            of=self.expression(known.get("of")) if action in ("backward", "grad") else None,
            wrt=wrt,
            names=new,
            gradient=self.expression(known.get("gradient")),
            retain_graph=flags.get("retain_graph"),
            create_graph=bool(flags.get("create_graph", False)),
            set_to_none=flags.get("set_to_none", True) is not False,
            flag=flags.get("flag", True) is not False,
            raises=raises,
        )

    def expression(self, node: YamlNode | None) -> Expression | None:
        return None if node is None else expression(self.report, node, self.language)

    def names(self, action: str, known: dict[str, YamlNode]) -> tuple[str, ...]:
        """The tensors that an action names."""
        key = {"backward": "inputs", "grad": "wrt"}.get(action, "of")
        nodes = one_or_more(known[key]) if key in known else ()
        return tuple(node.text for node in nodes if self.name(node) and isinstance(node, Scalar))

    def name(self, node: YamlNode) -> bool:
        if isinstance(node, Scalar):
            return self.known(node, node.text)
        wrong_type(self.report, node, "a name is wanted, or a list of names")
        return False

    def new_names(self, known: dict[str, YamlNode]) -> tuple[str, ...]:
        """The names that the gradients get."""
        found = []
        for node in one_or_more(known["as"]) if "as" in known else ():
            if not isinstance(node, Scalar):
                wrong_type(self.report, node, "a name is wanted, or a list of names")
            elif identifier(self.report, node):
                found.append(node.text)
        self.scope.update(found)
        return tuple(found)
