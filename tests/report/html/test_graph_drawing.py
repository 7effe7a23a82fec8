"""Graphs as pictures: layers from top to bottom, boxes apart, edges from box to box."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_sym.report.html.layers import Drawing, drawn
from gradcheck_sym.verdict.pictures import Edge, Graph, Vertex

LEAF = Vertex("a", "a", "2", "6", leaf=True, tracked=True)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any acyclic graph of a few operations, with edges that come twice or pass layers."""
    size = draw(st.integers(0, 9))
    vertices = [Vertex(f"op{k}", draw(st.sampled_from(["", "name"]))) for k in range(size)]
    pairs = [(k, m) for k, m in combinations(range(size), 2)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=14)) if pairs else []
    return Graph(tuple(vertices), tuple(Edge(k, m, k % 2 == 0) for k, m in chosen))


def ends(drawing: Drawing, number: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the path of an edge begins and where its arrow points."""
    line = drawing.lines[number]
    x, y = re.match(r"M(\S+) (\S+?)C", line.path).groups()  # type: ignore[union-attr]
    return (float(x), float(y)), (line.x, line.y)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(graphs())
def test_boxes_stand_apart_and_edges_lead_down(graph: Graph) -> None:
    """No box covers another or leaves the picture; an edge goes from its box down to its target."""
    drawing = drawn(graph)
    for box in drawing.boxes:
        assert box.left >= 0
        assert box.left + box.width <= drawing.width
        assert box.y >= 0
        assert box.y + box.height <= drawing.height
    for one, other in combinations(drawing.boxes, 2):
        apart = abs(one.x - other.x) >= (one.width + other.width) / 2 - 0.2
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    for number, edge in enumerate(graph.edges):
        source, target = drawing.boxes[edge.source], drawing.boxes[edge.target]
        (_, top), (_, tip) = ends(drawing, number)
        assert abs(top - (source.y + source.height)) < 0.1
        assert tip == target.y
        assert source.y < target.y


def test_two_edges_between_the_same_boxes_are_seen() -> None:
    """x*x has x as an operand twice."""
    graph = Graph((LEAF, Vertex("×", "b", tracked=True)), (Edge(0, 1, True), Edge(0, 1, True)))
    one, other = drawn(graph).lines
    assert one.path != other.path
    assert one.x != other.x


def test_children_stand_below_their_operands() -> None:
    """A chain is a straight line, and two operands have their operation between them."""
    names = "abcd"
    chain = Graph(tuple(Vertex(n) for n in names), tuple(Edge(k, k + 1, True) for k in range(3)))
    assert len({box.x for box in drawn(chain).boxes}) == 1
    joined = drawn(Graph(tuple(Vertex(n) for n in "abc"), (Edge(0, 2, True), Edge(1, 2, False))))
    a, b, c = (box.x for box in joined.boxes)
    assert a < c < b
    assert [line.flows for line in joined.lines] == [True, False]


def test_boxes_tell_what_they_are() -> None:
    """A leaf by its name, an operation by itself; values, gradients, roots of backward passes."""
    graph = Graph(
        (LEAF, Vertex("×", "b", "25", tracked=True, roots=("3", "6, RuntimeError"))),
        (Edge(0, 1, True),),
    )
    leaf, operation = drawn(graph).boxes
    assert leaf.lines == ("a = 2", "grad 6")
    assert operation.lines == (
        "×",
        "b = 25",
        "backward: step 3",
        "backward: step 6, RuntimeError",
    )
    assert drawn(graph).description == (
        "a = 2 grad 6; × b = 25 backward: step 3 backward: step 6, RuntimeError of a."
    )


def test_the_description_tells_what_has_no_gradient() -> None:
    """Whoever does not see dashes is told."""
    graph = Graph((LEAF, Vertex("detach", "c")), (Edge(0, 1, False),))
    assert drawn(graph).description.endswith("detach c of a, without a gradient.")


def test_an_empty_graph_is_a_picture() -> None:
    """A program without operations."""
    assert drawn(Graph((), ())).boxes == ()
