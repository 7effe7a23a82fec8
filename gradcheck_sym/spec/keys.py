"""The keys of a spec file: what each is called, what it takes and what it means.

The reader refuses every other key; a JSON Schema and the documentation follow from the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

Kind = Literal[
    "boolean",  # true or false
    "checks",  # check -> {}, or {skip: reason}
    "dims",  # name -> size or "low..high"
    "domain",  # interval notation
    "dtype",  # a floating or complex dtype's name
    "examples",  # list of EXAMPLE
    "exception",  # the name of an exception
    "expectations",  # what -> expression or null
    "expression",
    "expressions",  # list of expressions
    "inputs",  # name -> INPUT
    "lets",  # name -> expression, in order
    "members",  # left, right, mean or minimum norm; or input -> one of these
    "name",  # letters, digits and _ . + -
    "names",  # a tensor's name, or a list of them
    "reasons",  # check -> text
    "shape",  # list of sizes and names of sizes
    "spec",  # the keys of SPEC, each optional
    "specs",  # list of SPEC
    "step",  # what an action takes: its keys, or what its first key takes
    "steps",  # list of STEP
    "tags",  # list of words
    "targets",  # tensor or a part of it -> expression
    "text",
    "uses",  # name -> package.module:attribute
    "values",  # a number, or nested lists of numbers; a complex one is written 1+2i
    "values by input",  # name -> values
]


@final
@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping."""

    name: str
    kind: Kind
    doc: str  # one sentence, for people
    required: bool = False
    excludes: tuple[str, ...] = ()  # keys of the same mapping that cannot stand beside it


Keys = tuple[Key, ...]

SPEC: Keys = (
    Key("name", "name", "The spec's name in its file; a file of one spec lends its own."),
    Key("title", "text", "What the spec is about, in a line."),
    Key("source", "text", "Where the function or the formula comes from."),
    Key("notes", "text", "Anything a reader should know."),
    Key("tags", "tags", "Words to select specs by."),
    Key("inputs", "inputs", "The arguments, in order.", required=True),
    Key("dims", "dims", "The range of each symbolic size; 1..4 where not given."),
    Key("where", "expressions", "Conditions between inputs that every point fulfils."),
    Key("let", "lets", "Intermediate values, in order."),
    Key("expr", "expression", "The mathematics of the result."),
    Key("torch", "expression", "The implementation under test; without it, expr in torch."),
    Key("use", "uses", "Names for the user's own functions, for torch to call."),
    Key("examples", "examples", "Points that are always checked."),
    Key(
        "kinks", "members", "The slope that is demanded at kinks; any between those on both sides."
    ),
    Key("steps", "steps", "A program over autograd's mechanics."),
    Key("checks", "checks", "Checks to turn on, or to skip with a reason."),
    Key("xfail", "reasons", "Checks that must fail, and why."),
)

# A spec has one of these; the keys after them are about expr.
SUBJECTS = ("expr", "steps")
ABOUT_EXPR = ("where", "let", "torch", "use", "examples", "kinks")

FAMILY: Keys = (
    Key("defaults", "spec", "Keys for every spec of the file that has none of its own."),
    Key("specs", "specs", "The specs of the file.", required=True),
)

INPUT: Keys = (
    Key("value", "values", "The value at every point."),
    Key(
        "shape",
        "shape",
        "Sizes, as numbers or names; [] or nothing is a scalar.",
        excludes=("value",),
    ),
    Key(
        "domain",
        "domain",
        "Where values are drawn, of complex numbers re and im each; inferred if not given.",
    ),
    Key("dtype", "dtype", "The only dtype the input is checked in; complex means any precision."),
    Key("requires_grad", "boolean", "Whether a gradient is computed; true if not given."),
)

EXAMPLE: Keys = (
    Key("point", "values by input", "The value of every input that has no fixed one."),
    Key("value", "values", "The value of expr there."),
    Key(
        "grad",
        "values by input",
        "The gradient of sum(expr) there; where expr is complex, its product with 1.",
    ),
)

CHECK: Keys = (Key("skip", "text", "Why the check is left out."),)

RAISES = Key("raises", "exception", "The exception that the action must raise.")

STEP: Keys = (
    Key("let", "lets", "Compute values under new names."),
    Key("expect", "expectations", "State what holds now."),
    Key("backward", "step", "Backpropagate from a value."),
    Key("grad", "step", "Compute gradients as values, as torch.autograd.grad does."),
    Key("zero_grad", "step", "Clear the gradient of tensors."),
    Key("hook", "step", "Multiply the gradient that arrives at a tensor."),
    Key("retain_grad", "step", "Keep the gradient of values that are no leaves."),
    Key("requires_grad", "step", "Turn tracking of a leaf on or off."),
    Key("set", "targets", "Write to a tensor or a part of it, in place."),
    Key("no_grad", "steps", "Steps that run without tracking."),
    Key("inference_mode", "steps", "Steps that run in inference mode."),
    Key("enable_grad", "steps", "Steps that run with tracking."),
)

_DIFFERENTIATED: Keys = (
    Key("gradient", "expression", "The cotangent; 1 for a scalar if not given."),
    Key("retain_graph", "boolean", "Keep the graph for another backward."),
    Key("create_graph", "boolean", "Make the gradients differentiable themselves."),
)

BLOCKS = tuple(key.name for key in STEP if key.kind == "steps")

# The keys of the actions of kind "step"; a plain value belongs to the first of them.
ACTIONS: dict[str, Keys] = {
    "backward": (
        Key("of", "expression", "What is differentiated.", required=True),
        *_DIFFERENTIATED,
        Key("inputs", "names", "The only leaves that receive a gradient."),
    ),
    "grad": (
        Key("of", "expression", "What is differentiated.", required=True),
        Key("wrt", "names", "What by.", required=True),
        *_DIFFERENTIATED,
        Key("as", "names", "The names of the gradients.", required=True),
    ),
    "zero_grad": (
        Key("of", "names", "The tensors.", required=True),
        Key("set_to_none", "boolean", "Remove the gradient (the default), or fill it with 0."),
    ),
    "hook": (
        Key("of", "names", "The tensors whose incoming gradient is changed.", required=True),
        Key("gradient", "expression", "What that gradient is multiplied by.", required=True),
    ),
    "retain_grad": (Key("of", "names", "The tensors.", required=True),),
    "requires_grad": (
        Key("of", "names", "The tensors.", required=True),
        Key("flag", "boolean", "On, the default, or off."),
    ),
}
