"""Every mistake a spec can contain: its stable code, what it means and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import final


@final
class Code(StrEnum):
    """The name that the program uses for each code that people see.

    S0 is the file and its YAML, S1 keys and names, S2 values, S3 expressions, S4 steps.
    """

    NO_SUCH_PATH = "S001"
    UNREADABLE = "S002"
    FILE_TOO_LARGE = "S003"
    NOT_UTF8 = "S004"
    CONTROL_CHARACTER = "S005"
    YAML_SYNTAX = "S006"
    ANCHOR = "S007"
    ALIAS = "S008"
    MERGE_KEY = "S009"
    TAG = "S010"
    DUPLICATE_KEY = "S011"
    SEVERAL_DOCUMENTS = "S012"
    YAML_TOO_DEEP = "S013"
    TOO_MANY_VALUES = "S014"
    EMPTY_FILE = "S015"
    STRANGE_KEY = "S016"
    TOO_MANY_PROBLEMS = "S017"
    UNKNOWN_KEY = "S101"
    WRONG_TYPE = "S102"
    MISSING_KEY = "S103"
    BAD_NAME = "S104"
    RESERVED_NAME = "S105"
    DUPLICATE_NAME = "S106"
    BAD_USE = "S107"
    UNUSED_USE = "S108"
    UNKNOWN_CHECK = "S109"
    CONFLICT = "S110"
    CHECKS_NOTHING = "S111"
    UNUSED_INPUT = "S112"
    GAP = "S113"
    BAD_SHAPE = "S201"
    BAD_DIM = "S202"
    BAD_DOMAIN = "S203"
    EMPTY_DOMAIN = "S204"
    BAD_DTYPE = "S205"
    OUTSIDE_DOMAIN = "S206"
    RAGGED = "S207"
    SHAPE_MISMATCH = "S208"
    UNUSED_DIM = "S209"
    BAD_NUMBER = "S210"
    BAD_MEMBER = "S211"
    TEXT_TOO_LONG = "S301"
    NESTED_TOO_DEEP = "S302"
    TOO_MANY_PARTS = "S303"
    LITERAL_TOO_LARGE = "S304"
    EXPONENT_TOO_LARGE = "S305"
    CONSTANT_TOO_LARGE = "S306"
    STRANGE_CHARACTER = "S307"
    SYNTAX = "S308"
    NOT_IN_LANGUAGE = "S309"
    UNKNOWN_NAME = "S310"
    UNKNOWN_FUNCTION = "S311"
    WRONG_ARGUMENTS = "S312"
    EMPTY_EXPRESSION = "S313"
    BAD_LITERAL = "S314"
    BAD_IDENTIFIER = "S315"
    UNKNOWN_OPERATOR = "S316"
    FORBIDDEN_OPTION = "S317"
    NOT_A_CONDITION = "S318"
    NOT_A_NUMBER = "S319"
    TOO_MANY_EXPRESSIONS = "S320"
    BAD_STEP = "S401"
    BAD_EXPECTATION = "S402"
    BAD_TARGET = "S403"
    UNKNOWN_EXCEPTION = "S404"


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """What people read about a code."""

    title: str
    explanation: str
    remedy: str


CODES: Mapping[Code, Entry] = MappingProxyType(
    {
        # the file and its YAML
        Code.NO_SUCH_PATH: Entry(
            "no such path",
            "A path that was named is neither a file nor a directory.",
            "Check the spelling, and the directory the command runs in.",
        ),
        Code.UNREADABLE: Entry(
            "unreadable",
            "The path exists, but it is no regular file, or reading it is not permitted.",
            "Name a readable YAML file, or a directory of such files.",
        ),
        Code.FILE_TOO_LARGE: Entry(
            "file too large",
            "A spec file may have one megabyte: more is data, not a spec.",
            "Split the file; let numbers be sampled rather than listed.",
        ),
        Code.NOT_UTF8: Entry(
            "not UTF-8",
            "A spec file is text in UTF-8; this one has bytes that are not.",
            "Save the file as UTF-8.",
        ),
        Code.CONTROL_CHARACTER: Entry(
            "control character",
            "The file contains a character that no editor shows, such as NUL or escape, or one that"
            " turns the direction of the text, so that it reads otherwise than it is.",
            "Remove the character; a tab or a line break is fine where YAML allows it.",
        ),
        Code.YAML_SYNTAX: Entry(
            "YAML syntax",
            "The text is not YAML. An expression that begins with one of * | & ! % @ [ { > - or"
            " a quote, or that contains ': ' or ' #', means something else to YAML.",
            'Put the expression in quotes: expr: "|x| + 1".',
        ),
        Code.ANCHOR: Entry(
            "anchor",
            "Anchors (&name) let a small file grow without limit, so specs have none.",
            "Write the value out, use defaults, or quote an expression that begins with &.",
        ),
        Code.ALIAS: Entry(
            "alias",
            "Aliases (*name) let a small file grow without limit, so specs have none.",
            "Write the value out, or quote an expression that begins with *.",
        ),
        Code.MERGE_KEY: Entry(
            "merge key",
            "The key << copies another mapping; specs do not have it.",
            "Use defaults, or write the keys out.",
        ),
        Code.TAG: Entry(
            "tag",
            "Tags (!name) can make YAML construct objects, so specs have none.",
            "Leave the tag out, or quote an expression that begins with !.",
        ),
        Code.DUPLICATE_KEY: Entry(
            "duplicate key",
            "The same key stands twice in one mapping; one of the two would be lost.",
            "Remove or rename one of them.",
        ),
        Code.SEVERAL_DOCUMENTS: Entry(
            "several documents",
            "A line --- begins a second document; a spec file is one.",
            "Use a family: a list of specs under the key specs.",
        ),
        Code.YAML_TOO_DEEP: Entry(
            "YAML nested too deeply",
            "Lists and mappings are nested beyond the limit of 32 levels.",
            "Flatten the value.",
        ),
        Code.TOO_MANY_VALUES: Entry(
            "too many values",
            "One file may hold 50000 keys and values.",
            "Split the file; let numbers be sampled rather than listed.",
        ),
        Code.EMPTY_FILE: Entry(
            "empty file", "The file holds no spec.", "Write a spec, or remove the file."
        ),
        Code.STRANGE_KEY: Entry(
            "key is not a word",
            "A key is a list, a mapping or empty; keys of a spec are words.",
            "Write the key as a word.",
        ),
        Code.TOO_MANY_PROBLEMS: Entry(
            "too many problems",
            "The file has more than 200 problems; reading it stopped there.",
            "Mend those that are shown, and look again.",
        ),
        # keys and names
        Code.UNKNOWN_KEY: Entry(
            "unknown key",
            "No key of this name belongs here; keys are never ignored.",
            "Correct the spelling, or move the key to where it belongs.",
        ),
        Code.WRONG_TYPE: Entry(
            "wrong kind of value",
            "The key takes another kind of value than the one that stands here.",
            "The message says what is wanted; on, no, yes and 1:30 are texts in YAML 1.2.",
        ),
        Code.MISSING_KEY: Entry(
            "missing key", "A key that is required here is not there.", "Add the key."
        ),
        Code.BAD_NAME: Entry(
            "bad name",
            "A spec's name and its tags have letters, digits and _ . + -; an input, a let or a"
            " size is an identifier that is no reserved word and does not begin with __.",
            "Choose another name.",
        ),
        Code.RESERVED_NAME: Entry(
            "name is taken by the language",
            "The name is a function or a constant of the expression language, so that an"
            " expression could not say which is meant.",
            "Choose another name.",
        ),
        Code.DUPLICATE_NAME: Entry(
            "name used twice",
            "Two specs of one file, or an input and a let, have the same name.",
            "Rename one of them.",
        ),
        Code.BAD_USE: Entry(
            "bad import target",
            "What use names is written package.module:attribute.",
            "Write the module, a colon, and the attribute: my.ops:Softplus.apply.",
        ),
        Code.UNUSED_USE: Entry(
            "unused import",
            "A name under use is not called in torch, so the implementation is not tested.",
            "Call it in torch, or remove it.",
        ),
        Code.UNKNOWN_CHECK: Entry(
            "unknown check", "No check has this name.", "Correct the spelling."
        ),
        Code.CONFLICT: Entry(
            "keys exclude each other",
            "Two keys stand together of which only one can hold.",
            "Remove one of them.",
        ),
        Code.CHECKS_NOTHING: Entry(
            "checks nothing",
            "The spec has neither expr nor steps, has no inputs, or skips every check: it would"
            " pass without having looked at anything.",
            "State the mathematics in expr, or a program in steps.",
        ),
        Code.UNUSED_INPUT: Entry(
            "unused input",
            "An input occurs neither in expr nor in torch, let or steps.",
            "Use it or remove it; an implementation's unused argument is named in torch.",
        ),
        Code.GAP: Entry(
            "gap to be filled in",
            "<fill in> stands where something could not be inferred, in a spec that the command new"
            " has begun.",
            "Write what belongs there; the comment beside it says what that is.",
        ),
        # values
        Code.BAD_SHAPE: Entry(
            "bad shape",
            "A shape is a list of at most 8 sizes, each a number from 0 to 100000 or a name.",
            "Write shape: [3, n]; of a scalar: [].",
        ),
        Code.BAD_DIM: Entry(
            "bad range of a size",
            'A size under dims is a number or a range: n: "1..8".',
            "Write the lower size, two dots, and the upper size.",
        ),
        Code.BAD_DOMAIN: Entry(
            "bad domain",
            "A domain is written in intervals: (0, inf), [-1, 1] | [2, 3), {0}; or in words:"
            " real, positive, negative, nonnegative, nonpositive, integers, integers [0, 5].",
            "Endpoints are numbers, also 1/3 or pi/2; an infinite end is open.",
        ),
        Code.EMPTY_DOMAIN: Entry(
            "empty domain",
            "No number lies in the interval: its ends are reversed, or equal and open.",
            "Exchange the ends, or close them.",
        ),
        Code.BAD_DTYPE: Entry(
            "bad dtype",
            "An input's dtype is float64, float32, bfloat16 or float16; or complex128, complex64,"
            " or complex, in whichever precision is checked. Of two inputs one must hold all"
            " numbers of the other's: float16 and bfloat16 hold too few of each other's.",
            "Write one of these names; float32 beside one of the dtypes of 16 bits.",
        ),
        Code.OUTSIDE_DOMAIN: Entry(
            "value outside its domain",
            "A value that the spec gives for an input does not belong to the input's domain.",
            "Correct the value, or widen the domain.",
        ),
        Code.RAGGED: Entry(
            "ragged value",
            "A nested list is no array: its rows differ in length or depth.",
            "Give every row the same length.",
        ),
        Code.SHAPE_MISMATCH: Entry(
            "value does not fit the shape",
            "The value of an example has another shape than its input.",
            "Correct the value or the shape.",
        ),
        Code.UNUSED_DIM: Entry(
            "unused size",
            "A size under dims occurs in no shape.",
            "Use it in a shape, or remove it.",
        ),
        Code.BAD_NUMBER: Entry(
            "bad number",
            "The number is too large for float64.",
            "Write a number below 1.8e308, or inf.",
        ),
        Code.BAD_MEMBER: Entry(
            "bad member at kinks",
            "At a kink any slope between those on both sides may be returned. kinks demands one"
            " of them: left, right, mean, or minimum norm; of all inputs, or of each by name.",
            "Write kinks: left, or kinks: {x: right, y: left}.",
        ),
        # expressions
        Code.TEXT_TOO_LONG: Entry(
            "expression too long",
            "An expression may have 10000 characters.",
            "Break it up with let.",
        ),
        Code.NESTED_TOO_DEEP: Entry(
            "expression nested too deeply",
            "An expression may be nested 100 levels deep; each term of a long sum is a level.",
            "Break it up with let.",
        ),
        Code.TOO_MANY_PARTS: Entry(
            "expression of too many parts",
            "An expression may have 2000 operators, names and numbers.",
            "Break it up with let.",
        ),
        Code.LITERAL_TOO_LARGE: Entry(
            "number too large or too long",
            "A number in an expression has at most 800 digits and is 0 or from 1e-400 to 1e400.",
            "Write a smaller number; inf is infinity.",
        ),
        Code.EXPONENT_TOO_LARGE: Entry(
            "exponent too large",
            "A constant exponent beyond 1000 would make exact arithmetic endless.",
            "Use exp(n*log(x)) where such a power is meant.",
        ),
        Code.CONSTANT_TOO_LARGE: Entry(
            "constant too large",
            "The constants of an expression are computed exactly, up to 20000 binary digits.",
            "Write a smaller constant.",
        ),
        Code.STRANGE_CHARACTER: Entry(
            "character that means nothing",
            "The character, or this use of it, is not part of the language.",
            "Powers are written **, products *, and |x| is abs(x).",
        ),
        Code.SYNTAX: Entry(
            "expression syntax",
            "The expression does not follow the grammar: something is missing or misplaced.",
            "Look at the place that is marked, and at what stands before it.",
        ),
        Code.NOT_IN_LANGUAGE: Entry(
            "not part of the language",
            "Expressions have numbers, names, + - * / ** @, comparisons, and/or/not, indexing,"
            " calls, tuples and lists; nothing else of Python.",
            "where(c, a, b) chooses; floor(a/b) divides; sum, prod and einsum loop.",
        ),
        Code.UNKNOWN_NAME: Entry(
            "unknown name",
            "The name is neither an input nor an earlier let nor one of pi, e, inf.",
            "Correct the spelling, or declare the input.",
        ),
        Code.UNKNOWN_FUNCTION: Entry(
            "unknown function",
            "The language has no function of this name.",
            "Correct the spelling, or write the mathematics in simpler functions.",
        ),
        Code.WRONG_ARGUMENTS: Entry(
            "wrong arguments",
            "The call does not fit the function's parameters.",
            "The message shows the parameters.",
        ),
        Code.EMPTY_EXPRESSION: Entry(
            "empty expression", "There is nothing to evaluate.", "Write the expression."
        ),
        Code.BAD_LITERAL: Entry(
            "bad number",
            "Numbers are decimal, such as 12, 0.5, 1e-3 or 1_000, and a product has its *.",
            "Write 2*x for 2x, and 31 for 0x1f.",
        ),
        Code.BAD_IDENTIFIER: Entry(
            "bad name in an expression",
            "The name is a reserved word, begins with __, or is written with characters that"
            " look like others.",
            "Choose another name.",
        ),
        Code.UNKNOWN_OPERATOR: Entry(
            "unknown operator",
            "torch reaches a fixed table of pure operators, and the names declared under use.",
            "Write torch.NAME, F.NAME, torch.linalg.NAME or torch.special.NAME; declare your own"
            " function under use.",
        ),
        Code.FORBIDDEN_OPTION: Entry(
            "option that a check controls",
            "out, inplace, dtype, device and the like write somewhere or choose what the checks"
            " choose.",
            "Leave the option out.",
        ),
        Code.NOT_A_CONDITION: Entry(
            "not a condition",
            "What stands under where is a comparison, or several with and, or, not.",
            "Write a comparison such as x < y.",
        ),
        Code.NOT_A_NUMBER: Entry(
            "no value to compute with",
            "A text or none stands where a number or array is wanted.",
            "Texts and none are arguments of functions only.",
        ),
        Code.TOO_MANY_EXPRESSIONS: Entry(
            "too many expressions",
            "The expressions, domains and constants of one file may have 100000 characters, each"
            " of them counted as ten more; those under defaults count in each spec.",
            "Split the file.",
        ),
        # steps
        Code.BAD_STEP: Entry(
            "bad step",
            "A step is one action, such as backward: y, and perhaps raises.",
            "Write one action to a step.",
        ),
        Code.BAD_EXPECTATION: Entry(
            "bad expectation",
            "What can be expected of a tensor y is y, y.grad, y.requires_grad or y.is_leaf.",
            "Correct what stands before the colon.",
        ),
        Code.BAD_TARGET: Entry(
            "bad target",
            "What set writes to is a tensor, its data or a part of it: c, c.data, c[0].",
            "Name a tensor, perhaps with an index.",
        ),
        Code.UNKNOWN_EXCEPTION: Entry(
            "unknown exception",
            "raises names an exception that torch raises.",
            "Write RuntimeError, IndexError, TypeError, ValueError or NotImplementedError.",
        ),
    }
)
