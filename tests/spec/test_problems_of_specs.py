"""Every code: a file that provokes it, and the line and column that it is reported at."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_sym.errors import SpecError
from gradcheck_sym.spec.codes import CODES, Code
from gradcheck_sym.spec.files import MAX_BYTES, find_files
from gradcheck_sym.spec.reader import read, read_file
from gradcheck_sym.spec.yaml_nodes import MAX_PROBLEMS

SENTENCES = Path(__file__).with_name("sentences.txt")  # of the files below, but for YAML's own

GOOD = "inputs: {x: {shape: [n]}}\nexpr: sin(x)\n"
STEPS = "inputs: {x: {value: 2}}\nsteps:\n  - let: {y: x*x}\n"

# A file's text, and the places and codes of all its problems.
FILES: list[tuple[str | bytes, list[tuple[int, int, Code]]]] = [
    # the file and its YAML
    (b"expr: \xff\n", [(1, 7, Code.NOT_UTF8)]),
    (b"title: \xc3\xa9\nexpr: \xc3", [(2, 7, Code.NOT_UTF8)]),
    ("title: a\x1b[31m\n", [(1, 9, Code.CONTROL_CHARACTER)]),
    ("a: 1\nb: \0\n", [(2, 4, Code.CONTROL_CHARACTER)]),
    ("expr: |x|\n", [(1, 8, Code.YAML_SYNTAX)]),
    ("a: b\nexpr: - x\n", [(2, 7, Code.YAML_SYNTAX)]),
    ("expr: @x\n", [(1, 7, Code.YAML_SYNTAX)]),
    ("expr: x\n  bad: 1", [(2, 6, Code.YAML_SYNTAX)]),
    ("title: &a 1\n", [(1, 8, Code.ANCHOR)]),
    ("title: &a [1]\nnotes: *a\n", [(1, 8, Code.ANCHOR), (2, 8, Code.ALIAS)]),
    ("expr: *x\n", [(1, 7, Code.ALIAS)]),
    ("<<: {title: a}\n", [(1, 1, Code.MERGE_KEY)]),
    (
        "x: [" + "&a 1," * 300 + "]",
        [*((1, 5 + 5 * n, Code.ANCHOR) for n in range(200)), (1, 1005, Code.TOO_MANY_PROBLEMS)],
    ),
    ("title: !!python/object:os.system x\n", [(1, 8, Code.TAG)]),
    ("inputs: !x {}\n", [(1, 9, Code.TAG)]),
    (GOOD + "expr: x\n", [(3, 1, Code.DUPLICATE_KEY)]),
    ("inputs: {x: {}, 'x': {}}\nexpr: x\n", [(1, 17, Code.DUPLICATE_KEY)]),
    (GOOD + "---\n" + GOOD, [(3, 1, Code.SEVERAL_DOCUMENTS)]),
    ("[" * 20_000, [(1, 33, Code.YAML_TOO_DEEP)]),
    ("x: [" + "1," * 50_001 + "]", [(1, 99_999, Code.TOO_MANY_VALUES)]),
    ("# nothing\n", [(1, 1, Code.EMPTY_FILE)]),
    ("", [(1, 1, Code.EMPTY_FILE)]),
    ("specs: []\n", [(1, 8, Code.EMPTY_FILE)]),
    ("? [a]\n: 1\n", [(1, 3, Code.STRANGE_KEY)]),
    ("{'': 1}\n", [(1, 2, Code.STRANGE_KEY)]),
    # keys and names
    (GOOD + "exprr: x\n", [(3, 1, Code.UNKNOWN_KEY)]),
    ("inputs: {x: {shap: []}}\nexpr: x\n", [(1, 14, Code.UNKNOWN_KEY)]),
    ("- 1\n", [(1, 1, Code.WRONG_TYPE)]),
    ("inputs: [x]\nexpr: 1\n", [(1, 9, Code.WRONG_TYPE)]),
    (GOOD + "title: []\n", [(3, 8, Code.WRONG_TYPE)]),
    (GOOD + "tags: a\n", [(3, 7, Code.WRONG_TYPE)]),
    ("inputs: {x: {requires_grad: on}}\nexpr: x\n", [(1, 29, Code.WRONG_TYPE)]),
    ("inputs: {x: {requires_grad: []}}\nexpr: x\n", [(1, 29, Code.WRONG_TYPE)]),
    ("inputs: {x: {domain: [0, 1]}}\nexpr: x\n", [(1, 22, Code.WRONG_TYPE)]),
    ("inputs: {x: {value: true}}\nexpr: x\n", [(1, 21, Code.WRONG_TYPE)]),
    ("inputs: {x: {value: a}}\nexpr: x\n", [(1, 21, Code.WRONG_TYPE)]),
    ("inputs: {x: {value: {}}}\nexpr: x\n", [(1, 21, Code.WRONG_TYPE)]),
    ("inputs: {x: }\nexpr:\n", [(2, 6, Code.WRONG_TYPE)]),
    ("inputs: {x: }\nexpr: {x: 1}\n", [(2, 7, Code.WRONG_TYPE)]),
    (GOOD + "checks: {vmap: no}\n", [(3, 16, Code.WRONG_TYPE)]),
    (GOOD + "checks: {vmap: {skip: }}\n", [(3, 23, Code.WRONG_TYPE)]),
    (GOOD + "xfail: {vmap: }\n", [(3, 15, Code.WRONG_TYPE)]),
    ("expr: 1\n", [(1, 1, Code.MISSING_KEY)]),
    ("specs:\n  - inputs: {x: }\n    expr: x\n", [(2, 5, Code.MISSING_KEY)]),
    ("defaults: {}\n", [(1, 1, Code.MISSING_KEY)]),
    (STEPS + "torch: torch.sin(x)\n", [(4, 8, Code.MISSING_KEY)]),
    (GOOD + "name: a b\n", [(3, 7, Code.BAD_NAME)]),
    (GOOD + "name: [a]\n", [(3, 7, Code.BAD_NAME)]),
    (GOOD + "tags: [a, 'b::c']\n", [(3, 11, Code.BAD_NAME)]),
    ("inputs: {lambda: {}}\nexpr: 1\n", [(1, 10, Code.BAD_NAME)]),
    ("inputs: {__x: {}}\nexpr: 1\n", [(1, 10, Code.BAD_NAME)]),
    ("inputs: {a-b: {}}\nexpr: 1\n", [(1, 10, Code.BAD_NAME)]),
    (GOOD + "torch: f(x)\nuse: {f.g: 'a:b', f: 'a:b'}\n", [(4, 7, Code.BAD_NAME)]),
    ("inputs: {exp: {}}\nexpr: 1\n", [(1, 10, Code.RESERVED_NAME)]),
    ("inputs: {sin: {}}\nexpr: 1\n", [(1, 10, Code.RESERVED_NAME)]),
    ("inputs: {x: {shape: [sum]}}\nexpr: x\n", [(1, 22, Code.RESERVED_NAME)]),
    (GOOD + "let: {true: x}\n", [(3, 7, Code.RESERVED_NAME)]),
    (GOOD + "let: {x: 1}\n", [(3, 7, Code.DUPLICATE_NAME)]),
    ("inputs: {x: , y: {shape: [x]}}\nexpr: x*y\n", [(1, 27, Code.DUPLICATE_NAME)]),
    (
        "specs:\n- {name: a, inputs: {x: }, expr: x}\n- {name: a, inputs: {x: }, expr: x}\n",
        [(3, 10, Code.DUPLICATE_NAME)],
    ),
    (
        "specs: [{name: a, inputs: {x: }, expr: x}, {name: a, inputs: {x: }, expr: x}]\n",
        [(1, 51, Code.DUPLICATE_NAME)],
    ),
    (GOOD + "torch: f(x)\nuse: {f: os.system}\n", [(4, 10, Code.BAD_USE)]),
    (GOOD + "torch: f(x)\nuse: {f: [a]}\n", [(4, 10, Code.BAD_USE)]),
    (GOOD + "use: {f: 'a:b'}\n", [(3, 7, Code.UNUSED_USE)]),
    (GOOD + "checks: {revers: true}\n", [(3, 10, Code.UNKNOWN_CHECK)]),
    (GOOD + "xfail: {nope: reason}\n", [(3, 9, Code.UNKNOWN_CHECK)]),
    ("inputs: {x: {value: 1, shape: []}}\nexpr: x\n", [(1, 31, Code.CONFLICT)]),
    ("inputs: {x: }\n", [(1, 1, Code.CHECKS_NOTHING)]),
    ("inputs: {}\nexpr: 1\n", [(1, 1, Code.CHECKS_NOTHING)]),
    (STEPS + "checks: {steps: {skip: a}}\n", [(4, 9, Code.CHECKS_NOTHING)]),
    ("inputs: {x: , y: }\nexpr: x\n", [(1, 15, Code.UNUSED_INPUT)]),
    ("inputs: {x: {shape: [n]}}\nexpr: <fill in>\n", [(2, 7, Code.GAP)]),
    ("inputs: {x: {domain: <fill in>}}\nexpr: x\n", [(1, 22, Code.GAP)]),
    (GOOD + "title: <fill in>\ntags: [<fill in>]\n", [(3, 8, Code.GAP), (4, 8, Code.GAP)]),
    (GOOD + "title: '<fill in>'\nnope: 1\n", [(4, 1, Code.UNKNOWN_KEY)]),
    # values
    ("inputs: {x: {shape: [n, -1]}}\nexpr: x\n", [(1, 25, Code.BAD_SHAPE)]),
    ("inputs: {x: {shape: [true]}}\nexpr: x\n", [(1, 22, Code.BAD_SHAPE)]),
    ("inputs: {x: {shape: [[1]]}}\nexpr: x\n", [(1, 22, Code.BAD_SHAPE)]),
    ("inputs: {x: {shape: [1,1,1,1,1,1,1,1,1]}}\nexpr: x\n", [(1, 21, Code.BAD_SHAPE)]),
    ("inputs: {x: {shape: [4096, 4096, 2]}}\nexpr: x\n", [(1, 21, Code.BAD_SHAPE)]),
    (GOOD + "dims: {n: 1-8}\n", [(3, 11, Code.BAD_DIM)]),
    (GOOD + "dims: {n: 8..1}\n", [(3, 11, Code.BAD_DIM)]),
    (GOOD + "dims: {n: []}\n", [(3, 11, Code.BAD_DIM)]),
    ('inputs: {x: {domain: "(0, O)"}}\nexpr: x\n', [(1, 27, Code.BAD_DOMAIN)]),
    ("inputs: {x: {domain: '(2, 1)'}}\nexpr: x\n", [(1, 23, Code.EMPTY_DOMAIN)]),
    ("inputs: {x: {dtype: float}}\nexpr: x\n", [(1, 21, Code.BAD_DTYPE)]),
    (
        "inputs: {x: {dtype: float16}, w: {dtype: bfloat16}}\nexpr: x*w\n",
        [(1, 31, Code.BAD_DTYPE)],
    ),
    ("inputs: {x: {value: [1, 2], domain: negative}}\nexpr: x\n", [(1, 21, Code.OUTSIDE_DOMAIN)]),
    (
        "inputs: {x: {domain: positive}}\nexpr: x\nexamples: [point: {x: -1}]\n",
        [(3, 23, Code.OUTSIDE_DOMAIN)],
    ),
    ("inputs: {x: {value: [[1, 2], [3]]}}\nexpr: x\n", [(1, 21, Code.RAGGED)]),
    (GOOD + "examples: [point: {x: 1}]\n", [(3, 23, Code.SHAPE_MISMATCH)]),
    (
        (
            "inputs: {x: {shape: [n]}, y: {shape: [n]}}\nexpr: x*y\n"
            "examples:\n  - point: {x: [1, 2], y: [1]}\n"
        ),
        [(4, 27, Code.SHAPE_MISMATCH)],
    ),
    (GOOD + "dims: {m: 2}\n", [(3, 8, Code.UNUSED_DIM)]),
    ("inputs: {x: {value: 1e309}}\nexpr: x\n", [(1, 21, Code.BAD_NUMBER)]),
    ("inputs: {x: {value: 1e99999}}\nexpr: x\n", [(1, 21, Code.BAD_NUMBER)]),
    (GOOD + "kinks: lef\n", [(3, 8, Code.BAD_MEMBER)]),
    (GOOD + "kinks: [left]\n", [(3, 8, Code.BAD_MEMBER)]),
    (GOOD + "kinks: {x: {y: left}}\n", [(3, 12, Code.BAD_MEMBER)]),
    ("inputs: {x: , y: }\nexpr: x*y\nkinks: {z: left}\n", [(3, 9, Code.UNKNOWN_NAME)]),
    (GOOD + "kinks: {y: left, x: up}\n", [(3, 9, Code.UNKNOWN_NAME), (3, 21, Code.BAD_MEMBER)]),
    (
        "inputs: {x: , y: {requires_grad: false}}\nexpr: x*y\nkinks: {x: mean, y: left}\n",
        [(3, 18, Code.CONFLICT)],
    ),
    ("inputs: {x: {dtype: a}}\nexpr: x\nkinks: {x: left}\n", [(1, 21, Code.BAD_DTYPE)]),
    (STEPS + "kinks: left\n", [(4, 8, Code.MISSING_KEY)]),
    # examples
    (GOOD + "examples: [{value: 1}]\n", [(3, 12, Code.MISSING_KEY)]),
    (GOOD + "examples: [point: {x: [1], y: 2}]\n", [(3, 28, Code.UNKNOWN_NAME)]),
    ("inputs: {x: {value: 1}}\nexpr: x\nexamples: [point: {x: 1}]\n", [(3, 23, Code.CONFLICT)]),
    (
        (
            "inputs: {x: , y: {requires_grad: false}}\nexpr: x*y\n"
            "examples: [{point: {x: 1, y: 1}, grad: {y: 1}}]\n"
        ),
        [(3, 44, Code.CONFLICT)],
    ),
    # expressions
    (f"inputs: {{x: }}\nexpr: {'x' * 10_001}\n", [(2, 10_007, Code.TEXT_TOO_LONG)]),
    (f"inputs: {{x: }}\nexpr: {'(' * 200}\n", [(2, 107, Code.NESTED_TOO_DEEP)]),
    (f"inputs: {{x: }}\nexpr: '[{'x,' * 2_000}]'\n", [(2, 8, Code.TOO_MANY_PARTS)]),
    ("inputs: {x: }\nexpr: x + 1e999\n", [(2, 11, Code.LITERAL_TOO_LARGE)]),
    ("inputs: {x: }\nexpr: x + 9**9**9\n", [(2, 11, Code.EXPONENT_TOO_LARGE)]),
    ("inputs: {x: }\nexpr: x + (9**999)**999\n", [(2, 11, Code.CONSTANT_TOO_LARGE)]),
    ("inputs: {x: }\nexpr: x^2\n", [(2, 8, Code.STRANGE_CHARACTER)]),
    ("inputs: {x: }\nexpr: sin(x\n", [(2, 10, Code.SYNTAX)]),
    ("inputs: {x: }\nexpr: x +\n", [(2, 10, Code.SYNTAX)]),
    ("inputs: {x: }\nexpr: x.shape\n", [(2, 7, Code.NOT_IN_LANGUAGE)]),
    ("inputs: {x: }\nexpr: x + z\n", [(2, 11, Code.UNKNOWN_NAME)]),
    ("inputs: {x: }\nlet: {a: b, b: x}\nexpr: a\n", [(2, 10, Code.UNKNOWN_NAME)]),
    ("inputs: {x: }\nlet: {a: x}\nexpr: a\ntorch: a\n", [(4, 8, Code.UNKNOWN_NAME)]),
    ("inputs: {x: }\nexpr: x + softplsu(x)\n", [(2, 11, Code.UNKNOWN_FUNCTION)]),
    ("inputs: {x: }\nexpr: sum(x, dims=0)\n", [(2, 14, Code.WRONG_ARGUMENTS)]),
    ("inputs: {x: }\nexpr: ' '\n", [(2, 7, Code.EMPTY_EXPRESSION)]),
    ("inputs: {x: }\nexpr: 1 + 2x\n", [(2, 11, Code.BAD_LITERAL)]),
    ("inputs: {x: }\nexpr: x if x > 0 else 0\n", [(2, 9, Code.BAD_IDENTIFIER)]),
    (GOOD + "torch: torch.save(x)\n", [(3, 8, Code.UNKNOWN_OPERATOR)]),
    (GOOD + "torch: F.relu(x, inplace=true)\n", [(3, 18, Code.FORBIDDEN_OPTION)]),
    (GOOD + "where: ['x[0] < 1', 1 + x]\n", [(3, 21, Code.NOT_A_CONDITION)]),
    (GOOD + "where: not x + 1\n", [(3, 8, Code.NOT_A_CONDITION)]),
    ("inputs: {x: }\nexpr: x + 'a'\n", [(2, 11, Code.NOT_A_NUMBER)]),
    ("inputs: {x: }\nexpr: none\n", [(2, 7, Code.NOT_A_NUMBER)]),
    (f"inputs: {{x: {{domain: '{{0{',1' * 50_000}}}'}}}}\n", [(1, 22, Code.TOO_MANY_EXPRESSIONS)]),
    (
        f"inputs: {{x: {{value: [{', '.join(['1/3' + ' ' * 9_990 + '+ 1'] * 11)}]}}}}\nexpr: x\n",
        [(1, 90_004, Code.TOO_MANY_EXPRESSIONS)],
    ),
    # steps
    (STEPS + "  - {backward: y, expect: {y: 4}}\n", [(4, 5, Code.BAD_STEP)]),
    (STEPS + "  - raises: RuntimeError\n", [(4, 5, Code.BAD_STEP)]),
    (STEPS + "  - grad: {of: y, wrt: x, as: [a, b]}\n", [(4, 31, Code.BAD_STEP)]),
    (STEPS + "  - bakward: y\n", [(4, 5, Code.UNKNOWN_KEY)]),
    (STEPS + "  - backward\n", [(4, 5, Code.WRONG_TYPE)]),
    (STEPS + "  - backward: {of: y, keep: true}\n", [(4, 23, Code.UNKNOWN_KEY)]),
    (STEPS + "  - backward: {retain_graph: true}\n", [(4, 15, Code.MISSING_KEY)]),
    (STEPS + "  - backward: z\n", [(4, 15, Code.UNKNOWN_NAME)]),
    (STEPS + "  - retain_grad: [y, z]\n", [(4, 22, Code.UNKNOWN_NAME)]),
    (STEPS + "  - retain_grad: [[y]]\n", [(4, 19, Code.WRONG_TYPE)]),
    (
        STEPS + "  - grad: {of: y, wrt: x, as: [[g]]}\n",
        [(4, 31, Code.BAD_STEP), (4, 32, Code.WRONG_TYPE)],
    ),
    (STEPS + "  - expect: {y.gradd: 1}\n", [(4, 14, Code.BAD_EXPECTATION)]),
    (STEPS + "  - expect: {z.grad: 1}\n", [(4, 14, Code.UNKNOWN_NAME)]),
    (STEPS + "  - expect: {y: null}\n", [(4, 17, Code.WRONG_TYPE)]),
    (STEPS + "  - expect: {y.is_leaf: 1}\n", [(4, 25, Code.WRONG_TYPE)]),
    (STEPS + "  - expect: {y.grad: true}\n", [(4, 22, Code.WRONG_TYPE)]),
    (STEPS + "  - expect: {y: sum(y, 0)}\n", [(4, 20, Code.SYNTAX), (4, 24, Code.BAD_EXPECTATION)]),
    (STEPS + "  - set: {y.grad: 1}\n", [(4, 11, Code.BAD_TARGET)]),
    (STEPS + "  - set: {'y.data[0, z]': 1}\n", [(4, 22, Code.UNKNOWN_NAME)]),
    (STEPS + "  - set: {z: 1}\n", [(4, 11, Code.UNKNOWN_NAME)]),
    (STEPS + "  - backward: y\n    raises: RuntimeErorr\n", [(5, 13, Code.UNKNOWN_EXCEPTION)]),
    (
        STEPS + "  - let: {z: y}\n    raises: RuntimeError\n  - backward: z\n",
        [(6, 15, Code.UNKNOWN_NAME)],
    ),
    (STEPS + "  - no_grad:\n    - let: {exp: 1}\n", [(5, 13, Code.RESERVED_NAME)]),
]
NO_PLACE = {Code.NO_SUCH_PATH, Code.UNREADABLE, Code.FILE_TOO_LARGE}


def problems(*paths):
    """The problems of reading paths."""
    with pytest.raises(SpecError) as caught:
        read(map(str, paths))
    return caught.value.problems


@pytest.mark.parametrize("content, expected", FILES)
def test_each_mistake_is_reported_at_its_place(tmp_path, content, expected):
    """All of the file's problems, with nothing that follows from them."""
    path = tmp_path / "it.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = problems(path)
    places = [(p.position.line, p.position.column, p.code) for p in found]
    assert places == expected, [problem.message for problem in found]
    for problem in found:
        assert problem.position.path == problem.path == str(path)
        assert problem.length >= 1


def test_every_mistake_has_its_sentence(tmp_path):
    """Where it is, what came and what is wanted; "…" stands for a list that grows."""
    found = []
    for number, (content, _) in enumerate(FILES):
        path = tmp_path / f"{number}.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found += [problem.message for problem in problems(path)]
    for sentence in SENTENCES.read_text(encoding="utf-8").splitlines():
        beginning = sentence.removesuffix("…")
        assert any(
            message.startswith(beginning) if beginning != sentence else message == sentence
            for message in found
        ), sentence


def test_every_code_is_provoked_and_explained():
    """No code without a test; none without a title, an explanation and a remedy."""
    assert {code for _, expected in FILES for _, _, code in expected} | NO_PLACE == set(Code)
    assert set(CODES) == set(Code)
    for entry in CODES.values():
        assert entry.title
        assert entry.explanation.endswith((".", ":"))
        assert entry.remedy.endswith(".")


def test_paths_that_cannot_be_read_are_problems(tmp_path):
    """A path that is not there, is no file, or is too large; the others are read all the same."""
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "bad.yaml").write_text("a: [")
    found = problems(tmp_path / "lrge.yaml", "/dev/null", "a\0b", tmp_path)
    codes = [problem.code for problem in found]
    assert codes == [
        Code.NO_SUCH_PATH,
        Code.UNREADABLE,
        Code.NO_SUCH_PATH,
        Code.YAML_SYNTAX,
        Code.FILE_TOO_LARGE,
    ]
    assert found[0].suggestion == "did you mean 'large.yaml'?"
    with pytest.raises(SpecError) as caught:
        find_files([str(tmp_path / "none" / "none"), "x" * 10_000, str(tmp_path)])
    codes = [problem.code for problem in caught.value.problems]
    assert codes == [Code.NO_SUCH_PATH, Code.UNREADABLE]
    specs, (problem,) = read_file(str(tmp_path))  # as a file that has gone since it was found
    assert (specs, problem.code, problem.path) == ((), Code.UNREADABLE, str(tmp_path))


def test_a_file_of_countless_problems_is_not_read_to_its_end(tmp_path):
    """The report says that it stops."""
    path = tmp_path / "many.yaml"
    path.write_text("".join(f"key{number}: 1\n" for number in range(10_000)))
    found = problems(path)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].code is Code.TOO_MANY_PROBLEMS


def test_problems_come_in_the_order_of_files_and_lines(tmp_path):
    """Whatever the order in which they are found."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text("zzz: 1\nexpr: z\ninputs: {x: {shape: 3}, exp: }\n")
    found = problems(tmp_path / "b.yaml", tmp_path / "a.yaml")
    order = [(p.position.path[-6:], p.position.line, p.position.column) for p in found]
    lines = [(1, 1), (2, 7), (3, 21), (3, 25)]
    assert order == [(f"{name}.yaml", *place) for name in ("b", "a") for place in lines]


@pytest.mark.parametrize(
    "text, hint",
    [
        ("expr: *x", 'if this is an expression, quote it: expr: "*x"'),
        ("expr: |x| + 1", 'if this is an expression, quote it: expr: "|x| + 1"'),
        ("  - expr: - x", 'if this is an expression, quote it: expr: "- x"'),
        ('expr: "a" + b', "if this is an expression, quote it: expr: '\"a\" + b'"),
        (
            "let: {a: max(x, 1)}",
            "a comma ends a value inside { } and [ ]: put the expression in quotes",
        ),
        (GOOD + "tiltes: a", "did you mean 'title'?"),
        (GOOD + "checks: {Reverse: true}", "did you mean 'reverse'?"),
        ("inputs: {x: {dtype: float46}}", "did you mean 'float64'?"),
        ("inputs: {exp: }", "rename it, to exp_ for example"),
        (GOOD + "kinks: minimum_norm", "did you mean 'minimum norm'?"),
        ("inputs: {slope: }\nexpr: slope\nkinks: {slpoe: left}", "did you mean 'slope'?"),
    ],
)
def test_mistakes_come_with_help(tmp_path, text, hint):
    """How to quote what YAML takes for its own; the word that was meant."""
    path = tmp_path / "it.yaml"
    path.write_text(text)
    assert hint in {problem.suggestion for problem in problems(path)}


def test_a_mistake_in_the_defaults_is_told_once(tmp_path):
    """Though every spec of the family has it."""
    path = tmp_path / "it.yaml"
    specs = "".join(f"  - {{name: s{number}, expr: x}}\n" for number in range(5))
    path.write_text("defaults:\n  inputs: {x: {dtype: int}}\nspecs:\n" + specs)
    (problem,) = problems(path)
    assert problem.message.startswith("inputs.x.dtype: got 'int'; a dtype is one of float64")
