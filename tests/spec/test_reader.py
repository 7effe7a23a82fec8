"""Files to specs: what is read, and that no file raises anything but SpecError."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.errors import Position, SpecError
from gradcheck_sym.spec.files import find_files
from gradcheck_sym.spec.keys import ACTIONS, SPEC, STEP
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.reader import read, read_source
from gradcheck_sym.spec.records import Dim, Domain, Interval, Skip, Spec
from gradcheck_sym.spec.yaml_nodes import Source

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True)


def specs(text: str):
    """The specs of a text that has no problems."""
    found, problems = read_source(Source("dir/it.yaml", text))
    assert not problems, [problem.message for problem in problems]
    return found


def spec(text: str):
    """The only spec of a text."""
    (found,) = specs(text)
    return found


FAMILY = """\
# a comment
defaults:
  tags: [activation, smooth]
  source: somewhere
  inputs: {x: {}}
specs:
  - name: softplus
    title: Smooth approximation of relu
    source: torch.nn.functional.softplus
    inputs:
      x: {shape: [n, 2, m], domain: "[-80, 80]", dtype: float32}
      beta: {value: 1.5, requires_grad: false}
    dims: {n: "1..8"}
    let: {z: beta*x}
    where: [beta > 0, x[0, 0, 0] < n]
    expr: where(z > 20, x, log(1 + exp(z))/beta)     # a comment
    torch: mine(F.softplus(x, beta=beta))
    use: {mine: "my.ops:Identity.apply"}
    checks: {second_order: {skip: "too slow"}, compile: true, vmap: , purity: {}}
    xfail: {layouts: "https://example.org/1"}
  - {name: plain, tags: [more, smooth], expr: x}
""".replace("[beta > 0, x[0, 0, 0] < n]", '[beta > 0, "x[0, 0, 0] < n"]')


def test_a_family_merges_its_defaults_under_each_spec():
    """A spec's own keys win; tags are joined."""
    softplus, plain = specs(FAMILY)
    assert (softplus.address, plain.address) == ("dir/it.yaml::softplus", "dir/it.yaml::plain")
    assert softplus.tags == ("activation", "smooth")
    assert plain.tags == ("activation", "smooth", "more")
    assert (softplus.source, plain.source) == ("torch.nn.functional.softplus", "somewhere")
    assert [entry.name for entry in plain.inputs] == ["x"]


def test_every_key_is_read():
    """Into the records, with positions."""
    found = specs(FAMILY)[0]
    x, beta = found.inputs
    assert (x.shape, x.dtype, x.value, x.requires_grad) == (("n", 2, "m"), "float32", None, True)
    assert x.domain == Domain((Interval(-80, 80, True, True),))
    assert (beta.value, beta.shape, beta.domain, beta.requires_grad) == (1.5, (), None, False)
    assert found.dims == (Dim("n", 1, 8, True), Dim("m", 1, 4, False))
    assert found.title == "Smooth approximation of relu"
    assert [name for name, _ in found.let] == ["z"]
    assert found.expr.text == "where(z > 20, x, log(1 + exp(z))/beta)"
    assert found.expr.position == Position("dir/it.yaml", 16, 11)
    assert found.torch.tree == parse(found.torch.text, dialect="torch", operators={"mine"})
    assert [condition.text for condition in found.where] == ["beta > 0", "x[0, 0, 0] < n"]
    assert found.use == (("mine", "my.ops:Identity.apply"),)
    assert found.checks == {
        "second_order": Skip("too slow"),
        "compile": {},
        "vmap": {},
        "purity": {},
    }
    assert found.xfail == {"layouts": "https://example.org/1"}
    assert found.position == Position("dir/it.yaml", 7, 5)
    assert x.position == Position("dir/it.yaml", 11, 7)


def test_titles_and_reasons_are_one_line():
    """However they are broken in the file; notes keep their lines."""
    (found,) = specs(
        'inputs: {x: }\nexpr: x\ntitle: |\n  one\n  two\nsource: "three\\n\\tfour"\n'
        "notes: |\n  five\n  six\n"
        'xfail: {vmap: "a\\n::b"}\nchecks: {forward: {skip: "c\\rd"}}\n'
    )
    assert (found.title, found.source, found.notes) == ("one two", "three four", "five\nsix")
    assert found.xfail == {"vmap": "a ::b"}
    assert found.checks == {"forward": Skip("c d")}


def test_a_file_of_one_spec_lends_its_name():
    """Unless the spec has one; a byte order mark is no part of it."""
    assert spec("inputs: {x: }\nexpr: x").name == "it"
    assert spec("\ninputs: {x: }\nexpr: x\nname: other").name == "other"


def test_values_are_numbers_in_any_spelling():
    """YAML's, hexadecimal floats, constants; nested lists have their own shape."""
    text = """
    inputs:
      a: {value: 1e-3}
      b: {value: [[0x1.8p+1, -0x1p-1074], [1/3, -pi]]}
      c: {value: [.inf, -inf, nan, 010, 0.1]}
      d: {value: []}
    expr: sum(a) + sum(b) + sum(c) + sum(d)
    """
    a, b, c, d = spec(text).inputs
    assert (a.value, a.shape) == (0.001, ())
    assert (b.value, b.shape) == (((3.0, -5e-324), (1 / 3, -math.pi)), (2, 2))
    assert c.value[:2] == (math.inf, -math.inf)
    assert math.isnan(c.value[2])
    assert c.value[3:] == (10.0, 0.1)
    assert (d.value, d.shape) == ((), (0,))


def test_names_of_mathematics_are_free_for_inputs():
    """Only functions and constants of the language are taken."""
    names = ["beta", "gamma", "E", "I", "N", "S", "Q", "O", "T", "λ", "lam", "zeta", "re", "im"]
    text = f"inputs: {{{', '.join(f'{name}: ' for name in names)}}}\nexpr: {' + '.join(names)}"
    assert [entry.name for entry in spec(text).inputs] == names


def test_sizes_stand_in_expressions_for_their_number():
    """In the mathematics and in the implementation."""
    text = "inputs: {x: {shape: [n]}}\ndims: {n: 3}\nexpr: sum(x)/n\ntorch: torch.sum(x)/n"
    assert spec(text).dims == (Dim("n", 3, 3, True),)


def test_examples_are_points_with_expected_numbers():
    """What is fixed needs no value; what is given has its input's shape."""
    text = """
    inputs: {x: {shape: [n]}, y: {shape: [n]}, w: {value: [0.5]}}
    expr: sum(w*x*y)
    examples:
      - {point: {x: [1, 2], y: [3, 1/2]}, value: 2, grad: {w: [4]}}
      - point: {x: [0], y: [1]}
    """
    first, second = spec(text).examples
    assert first.point == {"x": (1.0, 2.0), "y": (3.0, 0.5)}
    assert (first.value, first.grad) == (2.0, {"w": (4.0,)})
    assert (second.value, second.grad) == (None, {})
    assert second.position == Position("dir/it.yaml", 6, 9)


def test_kinks_are_said_of_all_inputs_or_by_name():
    """A single word is said of every input that has a gradient."""
    inputs = "inputs: {x: , y: , z: {requires_grad: false}}\nexpr: x*y*z\n"
    assert spec(inputs).kinks == {}
    assert spec(inputs + "kinks: minimum norm\n").kinks == dict.fromkeys("xy", "minimum norm")
    assert spec(inputs + "kinks: {y: right}\n").kinks == {"y": "right"}


def test_an_expression_may_span_lines_in_any_style():
    """Its tree is the same; its text is as written."""
    trees = {
        spec(f"inputs: {{x: }}\nexpr: {written}").expr.tree
        for written in (
            "x + 2*x",
            "|\n  x\n  + 2*x",
            ">-\n  x +\n\n  2*x",
            '"x + 2*\\\n   x"',
            "'x\n  + 2*x'",
        )
    }
    assert trees == {parse("x + 2*x")}


def test_a_yaml_list_is_a_list_of_expressions():
    """So that [x, y] needs no quotes."""
    found = spec("inputs: {x: , y: }\nexpr: [x, [2*y, -1e-3]]").expr
    assert found.tree == parse(found.text) == parse("[x, [2*y, -1e-3]]")


def test_specs_travel_between_processes():
    """Records are plain data."""
    for found in specs(FAMILY):
        assert pickle.loads(pickle.dumps(found)) == found


# ---- steps

STEPS = """
inputs: {x: {value: 5.0}}
steps:
  - let: {y: x*x, c: clone(detach(y))}
  - expect: {x.grad: null, y.requires_grad: true, y.is_leaf: false, c: 25}
  - backward: {of: mean(y), retain_graph: true, gradient: 2, inputs: [x], create_graph: false}
  - expect: {x.grad: "diff(y, x)*2"}
  - zero_grad: {of: [x], set_to_none: false}
  - retain_grad: y
  - requires_grad: {of: c, flag: false}
  - grad: {of: y, wrt: [x], create_graph: true, as: [g]}
  - backward: y
    raises: RuntimeError
  - set: {"c[0]": 100, c.data: x.grad, "c.data[0, 1:]": g}
    raises: IndexError
  - no_grad:
      - let: {b: 2*x}
      - inference_mode:
          - enable_grad: [{expect: {b: [1, [2.5, -x]], b.grad: }}]
"""


def test_every_action_is_read():
    """Into one record each, blocks with their bodies."""
    steps = spec(STEPS).steps
    assert [step.action for step in steps] == [
        *("let", "expect", "backward", "expect", "zero_grad", "retain_grad", "requires_grad"),
        *("grad", "backward", "set", "no_grad"),
    ]
    let, expect, backward, _, zero, retain, tracking, grad, again, write, block = steps
    assert [name for name, _ in let.bindings] == ["y", "c"]
    assert [(name, value and value.text) for name, value in expect.bindings] == [
        ("x.grad", None),
        ("y.requires_grad", "true"),
        ("y.is_leaf", "false"),
        ("c", "25"),
    ]
    assert (backward.of.text, backward.gradient.text) == ("mean(y)", "2")
    assert (backward.wrt, backward.retain_graph, backward.create_graph) == (("x",), True, False)
    assert (zero.wrt, zero.set_to_none) == (("x",), False)
    assert (retain.wrt, tracking.wrt, tracking.flag) == (("y",), ("c",), False)
    assert (grad.of.text, grad.wrt, grad.names, grad.create_graph) == ("y", ("x",), ("g",), True)
    assert (again.of.text, again.raises, again.retain_graph) == ("y", "RuntimeError", None)
    assert [name for name, _ in write.bindings] == ["c[0]", "c.data", "c.data[0, 1:]"]
    inner = block.body[1].body[0]
    assert (block.body[0].action, block.body[1].action) == ("let", "inference_mode")
    assert inner.body[0].bindings[0][1].text == "[1, [2.5, -x]]"
    assert grad.position == Position("dir/it.yaml", 11, 5)


def test_the_key_tables_cover_every_action():
    """A key of kind step has keys of its own."""
    assert {key.name for key in STEP if key.kind == "step"} == set(ACTIONS)
    for keys in (SPEC, STEP, *ACTIONS.values()):
        assert len({key.name for key in keys}) == len(keys)
        assert all(key.doc.endswith(".") for key in keys)


# ---- files


def test_directories_are_searched_in_sorted_order(tmp_path):
    """Hidden names are passed over; a file named itself is taken whatever its name; once."""
    for name in ("b.yaml", "a.yml", "sub/c.yaml", ".hidden.yaml", ".git/d.yaml", "e.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("inputs: {x: }\nexpr: x\n")
    found = find_files([str(tmp_path), str(tmp_path / "b.yaml"), str(tmp_path / "e.txt")])
    names = ["a.yml", "b.yaml", "sub/c.yaml", "e.txt"]
    assert found == tuple(str(tmp_path / name) for name in names)
    assert [one.name for one in read([str(tmp_path)])] == ["a", "b", "c"]
    assert find_files([]) == read([]) == ()


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    """Positions do not count it."""
    path = tmp_path / "it.yaml"
    path.write_bytes("\ufeffexpr: z\ninputs: {x: }\n".encode())
    with pytest.raises(SpecError, match="unknown name 'z'") as caught:
        read([str(path)])
    assert str(caught.value.problems[0].position).endswith("it.yaml:1:7")


def test_reading_imports_nothing_heavy():
    """Neither torch nor SymPy nor NumPy."""
    code = (
        "import sys; from gradcheck_sym.spec.reader import read; read([]);"
        "print(sorted({'torch', 'sympy', 'numpy', 'hypothesis', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- any file at all


def attempt(path: str) -> tuple[Spec, ...] | SpecError:
    """The specs of a file, or the error."""
    try:
        return read([path])
    except SpecError as error:
        return error


def judged(path, content: bytes) -> None:
    """Read a file of that content: specs or a SpecError, nothing else."""
    path.write_bytes(content)
    found = attempt(str(path))
    if isinstance(found, SpecError):
        assert found.problems
        assert all(problem.position.line >= 1 for problem in found.problems)
    else:
        assert found


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """One file, written again and again."""
    return tmp_path_factory.mktemp("any") / "it.yaml"


@EXAMPLES
@given(st.binary(max_size=100))
def test_any_bytes_are_specs_or_a_spec_error(file, content):
    """Mostly not UTF-8."""
    judged(file, content)


@EXAMPLES
@given(st.text(max_size=200))
def test_any_text_is_specs_or_a_spec_error(file, content):
    """Mostly not YAML."""
    judged(file, content.encode("utf-8", "surrogatepass"))


VALUES = st.recursive(
    st.sampled_from(
        [None, True, 3, -1.5, "x", "x + y", "n", "[0, 1]", "1..3", "x.grad", "a:b", ""]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["x", "y", "of", "skip", "value", "shape"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)
KEYS = [key.name for key in (*SPEC, *STEP)] + ["specs", "defaults", "x", "point", "raises"]


@EXAMPLES
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_value_under_any_key_is_specs_or_a_spec_error(file, content):
    """YAML in which every key may hold every kind of value."""
    import yaml

    judged(file, yaml.safe_dump(content, sort_keys=False).encode())


@EXAMPLES
@given(st.data())
def test_a_damaged_file_is_specs_or_a_spec_error(file, data):
    """Parts removed, repeated or replaced anywhere."""
    text = data.draw(st.sampled_from([FAMILY, STEPS]))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 20, len(text))))
        pieces = ["", ":", "- ", "[", "{", "'", "&a ", "*a", "\n", "  ", "null", "x", "1e9", "{}"]
        text = (
            text[:start] + data.draw(st.sampled_from([*pieces, text[start:end] * 2])) + text[end:]
        )
    judged(file, text.encode())
