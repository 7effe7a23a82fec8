"""What a page knows of a spec before anything is run."""

from __future__ import annotations

from typing import Any

from gradcheck_sym.run.portrait import portrait
from gradcheck_sym.spec.domain import format_domain
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.unparse import unparse
from gradcheck_sym.verdict.pictures import Edge, Graph


def graph_of(spec: Spec) -> Graph:
    """The graph of a spec's steps, which it must have."""
    found = portrait(spec).graph
    assert found is not None
    return found


def test_derivatives_domains_and_kinks(spec_of: Any) -> None:
    """Those by inputs with a gradient; domains as stated, else as inferred."""
    spec = spec_of(
        """\
        inputs:
          x: {shape: [n]}
          y: {shape: [n], domain: "[1, 2]"}
          c: {value: 2, requires_grad: false}
        expr: log(x)*y + maximum(y, 1.5)*c
        """
    )
    found = portrait(spec)
    assert [slope.input for slope in found.slopes] == ["x", "y"]
    assert unparse(found.slopes[0].formula) == "y/x"
    domains = {name: domain and format_domain(domain) for name, domain in found.domains.items()}
    assert domains == {"x": "(0, inf)", "y": "[1, 2]", "c": None}
    assert found.kinks["y"] == (1.5,)
    assert found.graph is None


def test_nothing_of_the_implementation_is_run(spec_of: Any) -> None:
    """A portrait needs no permission."""
    spec = spec_of(
        """\
        inputs: {x: {shape: [n]}}
        expr: x*x
        use: {f: "no_such_module:f"}
        torch: f(x)
        """
    )
    assert len(portrait(spec).slopes) == 1


def test_a_spec_at_fault_has_an_empty_portrait(spec_of: Any) -> None:
    """What has no meaning at these shapes has no derivative; that is told elsewhere."""
    spec = spec_of("inputs: {x: {shape: [2]}, y: {shape: [3]}}\nexpr: x + y\n")
    assert portrait(spec).slopes == ()


def test_long_derivatives_are_left_out(spec_of: Any) -> None:
    """A page that scrolls for metres explains nothing."""
    terms = " + ".join(f"x**{k}*cos({k}*x)" for k in range(2, 30))
    assert portrait(spec_of(f"inputs: {{x: {{shape: []}}}}\nexpr: {terms}\n")).slopes == ()


GRAPH = """\
inputs:
  a: {value: 2}
  e: {value: [3, 4]}
  c: {value: 4, requires_grad: false}
steps:
  - let: {d: a*e + c}
  - let: {f: "sum(2*d, dim=0)"}
  - backward: f
"""


def test_operations_become_vertices(spec_of: Any) -> None:
    """In order, with their values and gradients; numbers are part of the operation."""
    graph = graph_of(spec_of(GRAPH))
    told = [(v.label, v.name, v.value, v.grad, v.leaf, v.tracked) for v in graph.vertices]
    assert told == [
        ("a", "a", "2", "14", True, True),
        ("e", "e", "[3, 4]", "[4, 4]", True, True),
        ("c", "c", "4", "", True, False),
        ("×", "", "", "", False, True),
        ("+", "d", "[10, 12]", "", False, True),
        ("2 ×", "", "", "", False, True),
        ("sum dim=0", "f", "44", "", False, True),
    ]
    assert graph.edges == (
        Edge(0, 3, True),
        Edge(1, 3, True),
        Edge(3, 4, True),
        Edge(2, 4, False),
        Edge(4, 5, True),
        Edge(5, 6, True),
    )
    assert graph.vertices[6].roots == ("3",)


def test_where_no_gradient_flows(spec_of: Any) -> None:
    """Not in no_grad, not behind detach, and not into what does not require one."""
    graph = graph_of(
        spec_of(
            """\
            inputs: {a: {value: 2}}
            steps:
              - no_grad: [{let: {b: 3*a}}, {enable_grad: [{let: {c: 4*a}}]}]
              - let: {d: detach(a)*a}
              - requires_grad: {of: b}
              - let: {h: b/2}
            """
        )
    )
    tracked = {vertex.name or vertex.label: vertex.tracked for vertex in graph.vertices}
    assert tracked == {"a": True, "b": True, "c": True, "detach": False, "d": True, "h": True}
    flows = {(edge.source, edge.target): edge.flows for edge in graph.edges}
    assert flows[0, 1] is False  # when b was made
    assert flows[0, 3] is False  # into detach


def test_writes_rebinding_and_other_names(spec_of: Any) -> None:
    """A name stands for what it held last; what it held before stays in the graph."""
    graph = graph_of(
        spec_of(
            """\
            inputs: {a: {value: [2, 3]}}
            steps:
              - let: {b: 1*a}
              - let: {c: b}
              - set: {"b[0]": 7}
              - set: {"b[1]": sum(a)}
              - let: {b: b*b}
            """
        )
    )
    labels = [(vertex.label, vertex.name) for vertex in graph.vertices]
    assert labels == [
        ("a", "a"),
        ("1 ×", "b"),
        ("=", "c"),
        ("b[0] ← 7", "b"),
        ("sum", ""),
        ("b[1] ←", "b"),
        ("×", "b"),
    ]
    assert [(e.source, e.target) for e in graph.edges if e.target in (3, 5, 6)] == [
        (1, 3),
        (3, 5),
        (4, 5),
        (5, 6),
        (5, 6),
    ]


def test_second_order_programs(spec_of: Any) -> None:
    """A gradient of a gradient depends on both what was differentiated and by what."""
    graph = graph_of(
        spec_of(
            """\
            inputs: {x: {value: 3}}
            steps:
              - let: {y: x**3}
              - grad: {of: y, wrt: [x], as: [g], create_graph: true}
              - backward: g
            """
        )
    )
    last = graph.vertices[-1]
    assert (last.label, last.name, last.value, last.roots) == ("∂y/∂x", "g", "27", ("3",))
    assert [(e.source, e.flows) for e in graph.edges if e.target == 2] == [(1, True), (0, True)]


def test_exceptions_are_part_of_the_picture(spec_of: Any) -> None:
    """A backward that raised says so; a step that raised before it did anything is left out."""
    graph = graph_of(
        spec_of(
            """\
            inputs: {a: {value: 2}}
            steps:
              - let: {b: a*a}
              - backward: b
              - backward: b
                raises: RuntimeError
              - set: {"a[0]": 5}
                raises: IndexError
            """
        )
    )
    assert [vertex.name for vertex in graph.vertices] == ["a", "b"]
    assert graph.vertices[1].roots == ("2", "3, RuntimeError")


def test_long_values_are_shapes(spec_of: Any) -> None:
    """A box has room for a few numbers."""
    text = "inputs: {a: {value: [[0.125, 0.25], [0.5, 0.75]]}}\nsteps: [{let: {b: a*a}}]\n"
    assert graph_of(spec_of(text)).vertices[0].value == "2 × 2 numbers"


def test_what_cannot_be_predicted_has_no_graph(spec_of: Any) -> None:
    """An input of steps needs a value; the check says so, the page goes without."""
    text = "inputs: {a: {value: 2}}\nsteps:\n  - {let: {b: a*a}}\n"
    broken = spec_of(text + '  - {expect: {b: "diff(b, b)"}}\n')
    assert portrait(broken).graph is None
