"""A program's lesson: after each step, what has changed and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from gradcheck_sym.autograd.programs import execute
from gradcheck_sym.run.lessons.typed import BLOCKS, typed
from gradcheck_sym.run.lessons.words import Floats, formula, prose, short, substituted
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.records import Expression, Input, Spec, Step
from gradcheck_sym.spec.stages import flowing
from gradcheck_sym.symbolic.display import formula as formula_of
from gradcheck_sym.symbolic.lower import Array as Scalars
from gradcheck_sym.symbolic.mechanics import Moment, Seen, foresee
from gradcheck_sym.verdict.lesson import Block, Code, Items, Line, Part, Table, Words
from gradcheck_sym.verdict.mechanics import Array, Comparison, Number, Snapshot, State, compare

_Entry = tuple[str, tuple[Line, ...]]


def step_by_step(spec: Spec, dtype: str) -> Iterator[Part]:
    """What a program does, as predicted; and whether torch did the same.

    Raises StepsError where autograd's rules do not say what happens.
    """
    foreseen, executed = foresee(spec, dtype), execute(spec, dtype)
    pairs = zip(foreseen.moments, foreseen.trace, strict=True)
    known = {moment.label: _After(moment, snapshot) for moment, snapshot in pairs}
    torch = {snapshot.label: _states(snapshot) for snapshot in executed}
    found = compare(foreseen.trace, executed, dtype)
    telling = _Telling(known, torch, found, {entry.name: entry for entry in spec.inputs})
    yield Part("At the start", (_start(spec),))
    yield Part("Step by step", (Items(tuple(telling.steps(spec.steps))),))
    said: list[Block] = [prose(f"They part: {each.message}.") for each in found.divergences]
    same = f"torch did the same: nothing differs in {found.decided} values, gradients and flags."
    yield Part("Side by side", tuple(said) or (prose(same),))


def _start(spec: Spec) -> Table:
    rows = []
    for entry in spec.inputs:
        tracked = "requires a gradient" if entry.requires_grad else "a constant"
        rows.append(((Code(entry.name),), prose(_nested(entry.value)), prose(tracked)))
    return Table(("input", "value", "autograd"), tuple(rows))


def _nested(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_nested, value))}]"
    assert isinstance(value, int | float)
    return short(value)


def _states(snapshot: Snapshot) -> Mapping[str, State]:
    return {state.name: state for state in snapshot.states}


@final
@dataclass(frozen=True, slots=True)
class _After:
    """The world after a step, in formulas and in numbers."""

    moment: Moment
    snapshot: Snapshot

    @property
    def seen(self) -> Mapping[str, Seen]:
        """By name."""
        return {seen.name: seen for seen in self.moment.seen}

    @property
    def states(self) -> Mapping[str, State]:
        """By name."""
        return _states(self.snapshot)


@final
@dataclass(slots=True)
class _Telling:
    """One walk through a program."""

    known: Mapping[str, _After]
    torch: Mapping[str, Mapping[str, State]]  # what torch did: label -> name -> state
    compared: Comparison
    inputs: Mapping[str, Input]
    before: _After | None = None
    label: str = ""  # of the step before
    mode: str = ""  # the block that the walk is in

    def steps(self, steps: Sequence[Step], prefix: str = "") -> Iterator[_Entry]:
        """An entry for every step that was reached."""
        for number, step in enumerate(steps, start=1):
            label = f"{prefix}{number}"
            if label not in self.known:
                return
            if step.action in BLOCKS:
                yield from self._block(label, step)
            else:
                yield label, tuple(self._told(label, step))
                self.before, self.label = self.known[label], label

    def _block(self, label: str, step: Step) -> Iterator[_Entry]:
        outer, self.mode = self.mode, step.action
        yield label, ((Code(BLOCKS[step.action]),),)
        yield from self.steps(step.body, f"{label}.")
        self.mode = outer
        if self.known[label].moment.raised is not None:
            yield label, tuple(self._raised(label))

    def _told(self, label: str, step: Step) -> Iterator[Line]:
        after = self.known[label]
        if step.action == "expect":
            yield from self._stated(after)
            return
        failed = after.moment.raised is not None
        if step.action != "let" or failed:
            yield (Code(typed(step)),)
        if failed:
            yield from self._raised(label)
        elif step.action == "let":
            for name, value in step.bindings:
                yield from self._bound(label, name, value)
        elif step.action == "grad":
            yield from (self._computed(after, name) for name in step.names)
        yield from self._changes(label, step)
        yield from () if failed else _consequence(step)

    def _raised(self, label: str) -> Iterator[Line]:
        moment = self.known[label].moment
        yield prose(f"raises {moment.raised}: {moment.why}")

    # ---- what was made

    def _bound(self, label: str, name: str, value: Expression | None) -> Iterator[Line]:
        assert value is not None
        after = self.known[label]
        numbers = {each: _numbers(state.value) for each, state in after.states.items()}
        put_in = substituted(value.tree, numbers)
        whole = put_in == value.tree or tree.names(put_in) & set(numbers)
        middle = () if whole else ("=", put_in)
        shown = str(after.states[name].value)
        yield (formula(tree.Name(name), "=", value.tree, *middle, "=", shown),)
        yield prose(f"{name} {self._history(label, name, value)}")

    def _history(self, label: str, name: str, value: Expression) -> str:
        states = self.known[label].states
        operands = sorted(tree.names(value.tree) & set(states))
        tracked = [each for each in operands if states[each].requires_grad]
        if states[name].requires_grad:
            state = self.torch.get(label, {}).get(name)
            node = f"; its node is {state.node}" if state is not None and state.node else ""
            does = "does" if len(tracked) == 1 else "do"
            return f"requires a gradient, as {' and '.join(tracked)} {does}{node}"
        if not tracked:
            return "has no history: nothing that it is made from requires a gradient"
        if self.mode in ("no_grad", "inference_mode"):
            return f"has no history, though {' and '.join(tracked)} has: nothing is recorded here"
        if not flowing(value.tree) & set(tracked):
            return "has no history: detach cuts it off"
        return "has no history"

    def _computed(self, after: _After, name: str) -> Line:
        seen, state = after.seen[name], after.states[name]
        pieces = self._as_formula(seen.value)
        graph = ", which can be differentiated again" if state.requires_grad else ""
        return (formula(tree.Name(name), *pieces, "=", str(state.value)), Words(graph))

    def _as_formula(self, scalars: Scalars) -> tuple[str | tree.Node, ...]:
        """= the first number of an array as a formula of the inputs, where it is one."""
        found = formula_of(scalars.reshape(-1)[0], self.inputs) if scalars.size else None
        return () if found is None or not tree.names(found) else ("=", found)

    # ---- what has changed

    def _changes(self, label: str, step: Step) -> Iterator[Line]:
        bound = {name for name, _ in step.bindings} if step.action == "let" else set(step.names)
        for name, state in self.known[label].states.items():
            old = None if self.before is None else self.before.states.get(name)
            if old is None or name in bound:
                continue
            if old.value != state.value:
                yield self._rewritten(label, old, state, step)
            if old.requires_grad != state.requires_grad:
                verb = "requires a gradient from now on" if state.requires_grad else "is a constant"
                yield prose(f"{name} {verb}")
        yield from self._gradients(label, step)

    def _rewritten(self, label: str, old: State, new: State, step: Step) -> Line:
        """A value that was written to, by its own name or by another one."""
        targets = {target.partition("[")[0].partition(".")[0] for target, _ in step.bindings}
        why = "" if new.name in targets else "; it shares that memory"
        versions = [
            None if state is None else state.version
            for state in (self.torch.get(at, {}).get(new.name) for at in (self.label, label))
        ]
        counted = "" if None in versions else f"; its version is {versions[1]}, was {versions[0]}"
        name = tree.Name(new.name)
        return formula(name, "=", str(new.value)), Words(f", was {old.value}{why}{counted}")

    def _gradients(self, label: str, step: Step) -> Iterator[Line]:
        """What has come of each .grad."""
        after = self.known[label]
        for name, state in after.states.items():
            old = None if self.before is None else self.before.states.get(name)
            was = None if old is None else old.grad
            if was == state.grad:
                continue
            if state.grad is None:
                yield (Code(f"{name}.grad"), Words(" is none again"))
            elif step.action == "backward":
                yield self._accumulated(after, name, was, state.grad)
            else:
                yield (Code(f"{name}.grad"), Words(f" is {state.grad}, was {_facet(was)}"))

    def _accumulated(self, after: _After, name: str, was: Array | None, now: Array) -> Line:
        """What arrived at a tensor, and what its gradient is with that."""
        grad = after.seen[name].grad
        assert grad is not None
        before = None if self.before is None else self.before.seen[name].grad
        if was is None or before is None:
            arrived = formula(*self._as_formula(grad)[1:], *self._as_formula(grad)[:1], str(now))
            return arrived, Words(" arrives at "), Code(name), Words(f": {name}.grad was none")
        added = self._as_formula(np.asarray(grad - before, dtype=object))
        pairs = zip(now.numbers, was.numbers, strict=True)
        more = Array(now.shape, tuple(Number(new.value - old.value) for new, old in pairs))
        arrived = formula(*added[1:], *added[:1], str(more))
        return arrived, Words(f" is added to {name}.grad: {was} + {more} = {now}")

    # ---- what is stated

    def _stated(self, after: _After) -> Iterator[Line]:
        label = after.snapshot.label
        wrong = {each.name: each for each in self.compared.divergences if each.label == label}
        right = [each for each in after.snapshot.wanted if each.target not in wrong]
        if right:
            said = "; ".join(f"{each.target} is {_facet(each.facet)}" for each in right)
            yield prose(f"so {said}")
        for each in wrong.values():
            yield prose(f"{each.name} should be {each.wanted}, but is {each.autograd}")


def _consequence(step: Step) -> Iterator[Line]:
    match step.action:
        case "backward" | "grad":
            kept = step.create_graph if step.retain_graph is None else step.retain_graph
            yield prose(f"the graph is {'kept' if kept else 'freed'}")
        case "hook":
            yield prose("from now on, what arrives there on the way back is multiplied by that")
        case "retain_grad":
            yield prose("from now on, its gradient is kept in .grad, though it is no leaf")


def _numbers(array: Array) -> Floats:
    values = np.asarray([number.value for number in array.numbers], dtype=np.float64)
    return values.reshape(array.shape)


def _facet(facet: Array | bool | None) -> str:
    if facet is None:
        return "none"
    return str(facet).lower() if isinstance(facet, bool) else str(facet)
