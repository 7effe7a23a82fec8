"""The JSON Schema (draft-07) of a spec file, for editors: from the table of keys.

It refuses what the reader refuses for its structure: unknown and missing keys, values of the
wrong kind, names that cannot be. What an expression or a domain says, only the reader knows.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck_sym.spec.checks import CHECKS
from gradcheck_sym.spec.dtypes import COMPLEX_DTYPES, DTYPES
from gradcheck_sym.spec.inputs import MAX_SIZE
from gradcheck_sym.spec.keys import (
    ABOUT_EXPR,
    ACTIONS,
    CHECK,
    EXAMPLE,
    FAMILY,
    INPUT,
    RAISES,
    SPEC,
    STEP,
    SUBJECTS,
    Keys,
    Kind,
)
from gradcheck_sym.spec.kinks import MEMBERS
from gradcheck_sym.spec.numbers import MAX_RANK
from gradcheck_sym.spec.reading import RESERVED
from gradcheck_sym.spec.steps import EXCEPTIONS
from gradcheck_sym.spec.tokens import MAX_LENGTH

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"

# Letters of every script, since \w is ASCII in some of the languages that editors are written in.
_LETTER = r"A-Za-z_\u0080-\uffff"
_NAME = rf"[{_LETTER}][{_LETTER}0-9]*"
_DOTTED = rf"{_NAME}(\.{_NAME})*"


def schema() -> Schema:
    """The schema of a file: a family, or one spec with its keys at the top."""
    family = _mapping(FAMILY)
    family["allOf"] = [_given_or_inherited(demand) for demand in _demands()]
    return {
        "$schema": DIALECT,
        "title": "gradcheck_sym: a spec, or a family of specs",
        "description": "What a function computes, and the implementation that is held against it.",
        "if": {"anyOf": [{"required": [key.name]} for key in FAMILY]},
        "then": family,
        "else": {"allOf": [_ref("spec"), *_demands()]},
        "definitions": {_named(kind): part for kind, part in _kinds().items()},
    }


def _demands() -> list[Schema]:
    """What a spec needs, be it its own or from the defaults of its family."""
    required = [{"required": [key.name]} for key in SPEC if key.required]
    subject = {"anyOf": [{"required": [key]} for key in SUBJECTS]}
    return [*required, subject, {"dependencies": {key: ["expr"] for key in ABOUT_EXPR}}]


def _given_or_inherited(demand: Schema) -> Schema:
    """The defaults meet a demand, or each spec of the family does."""
    inherited = {"required": ["defaults"], "properties": {"defaults": demand}}
    return _either(inherited, {"properties": {"specs": _list(demand)}})


# ---- mappings with known keys


def _mapping(keys: Keys) -> Schema:
    required = [key.name for key in keys if key.required]
    found: Schema = {
        "type": "object",
        "properties": {
            key.name: {"description": key.doc, "allOf": [_ref(key.kind)]} for key in keys
        },
        "additionalProperties": False,
    }
    if required:
        found["required"] = required
    clashes = [{"not": {"required": [key.name, other]}} for key in keys for other in key.excludes]
    if clashes:
        found["allOf"] = clashes
    return found


def _spec() -> Schema:
    """The keys of a spec, all of them optional: some may come from the defaults of a family."""
    found = _mapping(SPEC)
    found.pop("required", None)
    return found


def _step() -> Schema:
    """One action, and perhaps what it must raise."""
    found = _mapping((*STEP, RAISES))
    for action, keys in ACTIONS.items():
        alone = [] if any(key.required for key in keys[1:]) else [_ref(keys[0].kind)]
        found["properties"][action]["allOf"] = [_either(*alone, _mapping(keys))]
    found["oneOf"] = [{"required": [key.name]} for key in STEP]
    return found


# ---- kinds of values


def _ref(kind: Kind) -> Schema:
    return {"$ref": f"#/definitions/{_named(kind)}"}


def _named(kind: str) -> str:
    return kind.replace(" ", "_")


def _whole(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def _words(known: Sequence[str | bool | None]) -> Schema:
    return {"enum": list(known)}


def _list(item: Any) -> Schema:
    return {"type": "array", "items": item}


def _by_name(names: Any, value: Any) -> Schema:
    return {"type": "object", "propertyNames": names, "additionalProperties": value}


def _either(*parts: Any) -> Schema:
    return {"anyOf": list(parts)}


def _identifier() -> Schema:
    """A name that expressions can use: not one that the language has a meaning for."""
    taken = sorted({*RESERVED, *keyword.kwlist})
    return {"pattern": f"^(?!__)(?:{_NAME})$", "not": {"enum": taken}}


_SCALAR = ["string", "number", "boolean"]
_SIZE: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SIZE}
_WORD = rf"[{_LETTER}0-9][{_LETTER}0-9.+-]{{0,99}}"


def _kinds() -> Mapping[Kind, Schema]:
    """What each kind of value looks like."""
    expression, name = _ref("expression"), _identifier()
    text: Schema = {"type": _SCALAR, "pattern": r"\S"}
    word: Schema = {"type": _SCALAR, "pattern": f"^(?:{_WORD})$"}
    tensor: Schema = {"type": ["string", "null"]}  # the reader takes null for a name like others
    checks, values = _words(CHECKS), _ref("values")
    return {
        "boolean": {"type": "boolean"},
        "checks": _by_name(checks, _either(_words([None, True]), _mapping(CHECK))),
        "dims": _by_name(name, _either(_SIZE, _whole(r"\s*[0-9]{1,9}\s*\.\.\s*[0-9]{1,9}\s*"))),
        "domain": text | {"type": "string"},
        "dtype": _words((*DTYPES, *COMPLEX_DTYPES)),
        "examples": _list(_mapping(EXAMPLE)),
        "exception": _words(EXCEPTIONS),
        "expectations": _expectations(),
        "expression": _either(text | {"maxLength": MAX_LENGTH}, _list(expression)),
        "expressions": _either(expression, _list(expression)),
        "inputs": _by_name(name, _either({"type": "null"}, _mapping(INPUT))) | {"minProperties": 1},
        "lets": _by_name(name, expression),
        "members": _either(_words(MEMBERS), _by_name(True, _words(MEMBERS))),
        "name": word,
        "names": _either(tensor, _list(tensor)),
        "reasons": _by_name(checks, text),
        "shape": _list(_either(_SIZE, name | {"type": "string"})) | {"maxItems": MAX_RANK},
        "spec": _spec(),
        "specs": _list({"allOf": [_ref("spec"), {"required": ["name"]}]}),
        "steps": _list(_step()),
        "tags": _list(word),
        "targets": _by_name(_whole(rf"{_NAME}(\.data)?(\[[\s\S]*\])?"), expression),
        "text": text,
        "uses": _by_name(name, _whole(f"{_DOTTED}:{_DOTTED}")),
        "values": _either({"type": ["number", "string"]}, _list(values)),
        "values by input": {"type": "object", "additionalProperties": values},
    }


def _expectations() -> Schema:
    """By what is expected: a value, a gradient, which may be none, or a flag."""
    number: Schema = {"allOf": [_ref("expression"), {"not": {"type": "boolean"}}]}
    by_kind: Schema = {
        rf"^{_NAME}$": number,
        rf"^{_NAME}\.grad$": _either({"type": "null"}, number),
        rf"^{_NAME}\.(?:requires_grad|is_leaf)$": {"type": "boolean"},
    }
    return {"type": "object", "patternProperties": by_kind, "additionalProperties": False}
