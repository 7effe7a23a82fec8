"""The JSON Schema of a spec file agrees with the reader about structure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from runpy import run_path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.spec import keys
from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.schema import schema
from gradcheck_sym.spec.yaml_nodes import Listing, Source, Table, YamlNode, compose

FILES = run_path(str(Path(__file__).with_name("test_problems_of_specs.py")))["FILES"]
ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for folder in ("specs", "tests") for path in (ROOT / folder).rglob("*.yaml"))

# Codes of mistakes that can be seen without reading what a text says or what a name refers to.
STRUCTURAL = frozenset(
    {
        Code.UNKNOWN_KEY,
        Code.WRONG_TYPE,
        Code.MISSING_KEY,
        Code.BAD_NAME,
        Code.RESERVED_NAME,
        Code.BAD_USE,
        Code.UNKNOWN_CHECK,
        Code.CHECKS_NOTHING,
        Code.BAD_SHAPE,
        Code.BAD_DIM,
        Code.BAD_DTYPE,
        Code.BAD_MEMBER,
        Code.TEXT_TOO_LONG,
        Code.EMPTY_EXPRESSION,
        Code.BAD_STEP,
        Code.BAD_EXPECTATION,
        Code.BAD_TARGET,
        Code.UNKNOWN_EXCEPTION,
    }
)
# Parts of the files whose mistake has such a code, but takes arithmetic or looking elsewhere.
BEYOND = (
    "value: a}",  # a text may be a constant, such as pi/2
    "[4096, 4096, 2]",
    "8..1",
    "dtype: bfloat16}}",  # not beside float16
    "steps: {skip: a}",  # every check that applies is skipped
    "as: [a, b]",  # more names than gradients
    "examples: [{value: 1}]",  # an input has no fixed value, so the point is missing
)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    """The schema, which is one itself."""
    found = json.loads(json.dumps(schema()))
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found)


def plain(node: YamlNode) -> Any:
    """What an editor's YAML 1.2 makes of a node."""
    if isinstance(node, Table):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    value = node.value
    return float(value) if isinstance(value, Fraction) else value


def composed(text: str) -> Any:
    """A file's content; None where YAML itself is wrong or a number has no end."""
    root, problems = compose(Source("it.yaml", text))
    try:
        return None if root is None or problems else plain(root)
    except OverflowError:
        return None


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_specs_are_valid(path: Path, validator: jsonschema.Draft7Validator) -> None:
    """Every spec of the project, and of its tests."""
    found = [error.message for error in validator.iter_errors(composed(path.read_text()))]
    assert found == []


def faulty() -> Iterator[tuple[str, Code]]:
    """The files with one mistake of structure."""
    for content, expected in FILES:
        text = content if isinstance(content, str) else ""
        codes = {code for _, _, code in expected}
        beyond = any(part in text for part in BEYOND)
        if text and len(codes) == 1 and codes <= STRUCTURAL and composed(text) and not beyond:
            yield text, codes.pop()


@pytest.mark.parametrize("text, code", list(faulty()))
def test_mistakes_of_structure_are_refused(
    text: str, code: Code, validator: jsonschema.Draft7Validator
) -> None:
    """What the reader refuses, the schema does."""
    assert not validator.is_valid(composed(text)), code


def test_every_code_of_structure_is_among_the_mistakes() -> None:
    """The test before this one leaves none out."""
    assert {code for _, code in faulty()} == STRUCTURAL


def test_every_key_is_described(validator: jsonschema.Draft7Validator) -> None:
    """With the words of the table that the reader uses; keys of actions, too."""
    found = json.dumps(validator.schema, ensure_ascii=False)
    every = [keys.SPEC, keys.FAMILY, keys.INPUT, keys.EXAMPLE, keys.CHECK, keys.STEP]
    for key in (key for table in (*every, *keys.ACTIONS.values()) for key in table):
        assert json.dumps({key.name: {"description": key.doc}})[1:-2] in found


VALID = """\
name: it
title: A function
tags: [a, b.c]
inputs: {x: {shape: [n], domain: "[-1, 1]"}, y: {value: 2, requires_grad: false}, z: }
dims: {n: "1..3"}
where: z < 1
let: {u: x*y}
expr: sum(u) + z
torch: torch.sum(x)*y + z
examples: [{point: {x: [1], z: 0.5}, value: 2.5, grad: {x: [2], z: 1}}]
kinks: {x: left}
steps:
  - let: {v: x*z}
  - backward: {of: sum(v), inputs: [x], retain_graph: true}
  - grad: {of: "v[0]", wrt: [x, z], as: [g, h]}
  - expect: {x.grad: null, v.is_leaf: false, g: "[z]"}
  - no_grad: [{set: {"x[0]": 0.5}}, {zero_grad: x}]
  - backward: v
    raises: RuntimeError
checks: {vmap: {skip: no}, layouts: true, compile: }
xfail: {reverse: a reason}
"""
SNIPPETS = (
    "", " ", "[", "]", "{", "}", ",", ":", "x", "null", "true", "1", "-1", "1.5", '"a"', "[]",
    "{}", "x*y", "n", "left", "RuntimeError", "of", "shape", "value", "expr", "vmap", "float32",
)  # fmt: skip


@settings(deadline=None, derandomize=True, max_examples=600)
@given(st.data())
def test_what_the_reader_takes_the_schema_takes(
    validator: jsonschema.Draft7Validator, data: st.DataObject
) -> None:
    """Whatever is done to a spec: an editor never marks what is right."""
    lines = VALID.splitlines(keepends=True)
    for number in sorted(data.draw(st.sets(st.integers(1, len(lines) - 1), max_size=4)))[::-1]:
        if not lines[number].startswith((" ", "inputs", "expr", "steps")):
            del lines[number]
    text = "".join(lines)
    start = data.draw(st.integers(0, len(text) - 1))
    end = min(len(text), start + data.draw(st.integers(0, 6)))
    text = text[:start] + data.draw(st.sampled_from(SNIPPETS)) + text[end:]
    specs, problems = read_source(Source("it.yaml", text))
    if specs and not problems:
        found = [error.message for error in validator.iter_errors(composed(text))]
        assert found == [], text
