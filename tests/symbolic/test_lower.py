"""Array functions written out scalar by scalar, against torch; and shapes that don't fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradcheck_sym.autograd.functions import evaluate as torch_evaluate
from gradcheck_sym.spec import tree
from gradcheck_sym.spec.functions import FUNCTIONS
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.symbolic import floats
from gradcheck_sym.symbolic.lower import LowerError, input_array, lower
from gradcheck_sym.symbolic.program import Builder, finish, flat_names
from gradcheck_sym.symbolic.rules import RULES
from gradcheck_sym.symbolic.rules import common as rules_common

QUICK = settings(deadline=None, derandomize=True, max_examples=8)

# Every call here is tried at random shapes: x of up to three dimensions, v and w vectors, m and t
# matrices, q a square one, s a number; D is one of x's dimensions. Blanks separate the calls.
CALLS = """
sum(x) sum(x,dim=D) sum(x,D,true) sum(x,dim=[0,-1],keepdim=true) sum(s) sum(s,dim=0) sum(x,dim=())
mean(x) mean(x,dim=D,keepdim=true) mean(x,D) prod(x) prod(x,dim=D) prod(x,D,keepdim=true)
var(t) var(t,dim=0) var(t,dim=0,keepdim=true,correction=0) var(x,correction=0) var(t,0,1/2)
std(t) std(t,dim=0) std(t,dim=0,keepdim=true,correction=0) std(x,correction=-1)
max(x) max(x,dim=D) max(x,D,true) min(x) min(x,dim=D) min(x,D,true)
amax(x) amax(x,dim=D) amax(x,dim=[0,-1],keepdim=true) amin(x) amin(x,dim=D) amin(x,[0,-1])
norm(x) norm(x,1) norm(x,p=3) norm(x,p=2.5,dim=D) norm(x,inf,dim=D,keepdim=true) norm(x,p=-inf)
norm(x,p=-1,dim=D) norm(x,dim=D) norm(x,p=2,dim=[0,-1]) norm(x,0.5)
logsumexp(x,D) logsumexp(x,dim=D,keepdim=true) logsumexp(x,dim=[0,-1]) logsumexp(s,0)
softmax(x,D) softmax(x,dim=-1) softmax(s,0) log_softmax(x,D) log_softmax(s,dim=-1)
cumsum(x,D) cumsum(s,0) cumprod(x,D) cumprod(x,dim=-1)
sort(x) sort(x,D) sort(x,dim=D,descending=true) sort(s)
clamp(x,min=0) clamp(x,max=0.5) clamp(x,-1/2,1/2) clamp(x,min=1,max=-1) clamp(x,min=s) clamp(x,s,1)
where(x>0,x,-x) where(x>s,s,x) where(s<0,x,2*x) where(not(x>0),1,x) where(x>0and(x<1),x,0)
where(x<-1or(x>1),x,0) where(0<x,1,0)
dot(v,v) dot(v,v+1) outer(v,w) matmul(m,transpose(m,0,1)) matmul(q,q) m@w v@m v@v q@q m@q
einsum("ij,jk->ik",m,q) einsum("ij->ji",q) einsum("ii->",q) einsum("ii->i",q) einsum("i,j->ij",v,w)
einsum("...i,i->...",m,w) einsum("ij,ij->i",q,q) einsum("i->",v) [m,2*m]@q [m,m]@w
matmul(m,[q,q]) v@[m,m] einsum("i,j->ij",[s],[s]) einsum("bij,bjk->bik",[m,m],[q,q])
real(complex(x,2)*complex(2,x)) imag(complex(s,v)) real(polar(x,3)) imag(polar(v,s))
trace(q) trace(m) det(q) inv(q) det([q,2*q]) inv([q,2*q])
transpose(x,D,0) transpose(x,-1,D) transpose(m,0,1) T(m) T(v) T(s) m.T mT(m) q.mT mT([q,q])
reshape(m,[-1]) reshape(m,(3,-1)) reshape(x,(-1,1)) reshape(s,(1,1)) flatten(x) flatten([m,m],1,2)
flatten([m,m],start_dim=-2) flatten(s) flatten(m,0,0) flatten([m,m],end_dim=1)
permute([m,m],[2,0,1]) permute(m,(1,0)) permute([m,m],(-1,0,-2))
unsqueeze(x,D) unsqueeze(x,-1) unsqueeze(s,0) unsqueeze(s,-1)
squeeze(unsqueeze(x,D)) squeeze(unsqueeze(x,D),D) squeeze(x,dim=D) squeeze(s) squeeze(x)
expand(v,(4,-1)) expand(s,(2,3)) expand(unsqueeze(v,1),(-1,2)) expand(v,[2,1,-1])
cat([x,x],D) cat([m,q],dim=0) cat([v,w]) cat([v]) cat([m,2*m],-1)
stack([x,-x],D) stack([v,v],dim=-1) stack([s,s]) stack([s,s],dim=-1) [s,2*s] [v,-v]
roll(x,2,D) roll(x,-1) roll(m,(1,-2),(0,1)) roll(x,shifts=7,dims=D)
flip(x,D) flip(m,[0,1]) flip(x,(-1,))
diag(v) diag(v,1) diag(v,-2) diag(m) diag(m,1) diag(m,diagonal=-1) diag(m,9)
tril(m) tril(m,1) tril(q,-1) tril([m,m],diagonal=2) triu(m) triu(m,1) triu(q,-1) triu([m,m],-9)
eye(3)*s eye(1) zeros(3)+s zeros([2,3]) zeros((2,))*s ones(2) ones([2,1])*s ones((1,2))
detach(x) detach(s)*x
x[0] x[-1] x[...,0] x[None] x[0:1]
m[:,1] m[1:,::2] m[...,None] m[0,1] m[:,None,-1] q[None,...,0] x[...]
v[:2] v[::2] m[-1][0] v[5:]
+x -x x+v[0] (x>0)*x (x>0)+(x>1) -(x>0) sum(x>0) x**2 x/2 2**x s*m-m/4 e*x+pi
"""


def _calls() -> list[str]:
    return [call.replace("0and(", "0 and (").replace("1or(", "1 or (") for call in CALLS.split()]


def _shapes(data: st.DataObject) -> dict[str, tuple[int, ...]]:
    size = st.integers(1, 3)
    n = data.draw(st.integers(2, 4))
    return {
        "x": tuple(data.draw(st.lists(size, min_size=1, max_size=3))),
        "t": (data.draw(st.integers(2, 3)), data.draw(size)),
        "v": (n,),
        "w": (3,),
        "m": (n, 3),
        "q": (3, 3),
        "s": (),
    }


def _evaluated(text: str, values: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    builder = Builder()
    arrays = {name: input_array(builder, name, array.shape) for name, array in values.items()}
    lowered = lower(parse(text), arrays, builder)
    names = [flat for name, array in values.items() for flat in flat_names(name, array.shape)]
    row = np.concatenate([array.reshape(-1) for array in values.values()])
    columns = floats.evaluate(finish(names, list(lowered.reshape(-1))), row[None])
    return np.array([column[0] for column in columns], dtype=np.float64).reshape(lowered.shape)


@pytest.mark.parametrize("call", _calls())
@QUICK
@given(data=st.data())
def test_values_are_those_of_torch(call: str, data: st.DataObject) -> None:
    """The scalars written out have torch's shape and values, at random shapes and numbers."""
    shapes = _shapes(data)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    text = call.replace("D", str(data.draw(st.integers(-len(shapes["x"]), len(shapes["x"]) - 1))))
    assume("[0,-1]" not in text or len(shapes["x"]) > 1)  # the same dimension twice
    tensors = {name: torch.tensor(array) for name, array in values.items()}
    expected = torch_evaluate(parse(text), tensors).to(torch.float64)
    found = _evaluated(text, values)
    assert found.shape == tuple(expected.shape), text
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-11, atol=1e-12)


def test_every_array_function_is_tried() -> None:
    """A new row with a rule needs a call in the list above; rules and rows are one to one."""
    rows = {row.name: row.lower for row in FUNCTIONS.values() if row.lower}
    assert set(rows.values()) == set(RULES)
    called = {node.function for call in _calls() for node in _nodes(call)}
    assert set(rows) <= called


def _nodes(call: str) -> Iterator[tree.Call]:
    for node in tree.walk(parse(call.replace("D", "0"))):
        if isinstance(node, tree.Call):
            yield node


SHAPES = {"x": (2, 3), "v": (3,), "q": (2, 2), "s": (), "z": (0,), "c": (2, 2, 2)}


def _lowered(text: str) -> Any:
    builder = Builder()
    arrays = {name: input_array(builder, name, shape) for name, shape in SHAPES.items()}
    return lower(parse(text), arrays, builder)


@pytest.mark.parametrize(
    "text, fault, message",
    [
        ("x + q", "x + q", "shape"),
        ("sin(x + q)", "x + q", "shape"),
        ("x @ x", "x @ x", "do not fit"),
        ("x @ s", "x @ s", "needs vectors"),
        ("v @ q", "v @ q", "do not fit"),
        ("dot(v, q)", "dot(v, q)", "two vectors"),
        ("dot(v, v[:2])", "dot(v, v[:2])", "two vectors"),
        ("outer(v, x)", "outer(v, x)", "two vectors"),
        ("det(x)", "det(x)", "square"),
        ("inv(v)", "inv(v)", "square"),
        ("trace(v)", "trace(v)", "matrix"),
        ("trace(c)", "trace(c)", "matrix"),
        ("sum(x, dim=2)", "sum(x, dim=2)", "out of range"),
        ("sum(x, dim=-3)", "sum(x, dim=-3)", "out of range"),
        ("sum(x, dim=[0, 0])", "[0, 0]", "same dimension twice"),
        ("sum(x, dim=0.5)", "sum(x, dim=0.5)", "integer"),
        ("sum(x, dim=true)", "sum(x, dim=true)", "integer"),
        ("sum(x, dim=s)", "s", "constant"),
        ("softmax(x, 5)", "softmax(x, 5)", "out of range"),
        ("cumsum(x, none)", "cumsum(x, none)", "integer"),
        ("max(z)", "max(z)", "no elements"),
        ("var(s)", "var(s)", "variance over 1"),
        ("var(v, correction=3)", "var(v, correction=3)", "variance over 3"),
        ("norm(v, 0)", "norm(v, 0)", "0-norm"),
        ("reshape(x, [4])", "reshape(x, [4])", "reshape"),
        ("reshape(x, [s])", "s", "constant"),
        ("reshape(x, [1.5])", "[1.5]", "integers"),
        ("zeros([1000, 1000])", "[1000, 1000]", "100000 elements"),
        ("eye(1000)", "eye(1000)", "elements"),
        ("outer(ones(1000), ones(1000))", "outer(ones(1000), ones(1000))", "elements"),
        ("diag(ones(1000))", "diag(ones(1000))", "elements"),
        ("expand(s, [100001])", "[100001]", "elements"),
        ("expand(v, [4])", "expand(v, [4])", ""),
        ("T(c)", "T(c)", "matrices"),
        ("mT(v)", "mT(v)", "matrix"),
        ("permute(x, [0, 0])", "permute(x, [0, 0])", ""),
        ("permute(x, [0])", "permute(x, [0])", ""),
        ("transpose(x, 0, 2)", "transpose(x, 0, 2)", "out of range"),
        ("flatten(c, 2, 1)", "flatten(c, 2, 1)", "after"),
        ("cat(x)", "x", "list of arrays"),
        ("cat([])", "[]", "list of arrays"),
        ("cat([x, q])", "cat([x, q])", ""),
        ("stack([x, q])", "stack([x, q])", "shape"),
        ("[x, q]", "[x, q]", "shape"),
        ("diag(c)", "diag(c)", "vector or a matrix"),
        ("diag(s)", "diag(s)", "vector or a matrix"),
        ("tril(v)", "tril(v)", "matrix"),
        ("roll(x, 1, 7)", "roll(x, 1, 7)", ""),
        ("flip(x, 4)", "flip(x, 4)", "out of range"),
        ("where(x, 1, 0)", "x", "condition"),
        ("not x", "x", "condition"),
        ("x and x > 0", "x", "condition"),
        ("x[2]", "x[2]", "out of bounds"),
        ("x[0, 0, 0]", "x[0, 0, 0]", "indices"),
        ("x[s]", "s", "constant"),
        ("v[0.5]", "v[0.5]", ""),
        ("einsum('ij,jk->ik', x, x)", "einsum('ij,jk->ik', x, x)", ""),
        ("einsum('ij', v)", "einsum('ij', v)", ""),
        ("einsum(x, x)", "x", ""),
        ("unknown + 1", "unknown", "no value"),
    ],
)
def test_what_does_not_fit_is_a_lower_error_in_its_place(
    text: str, fault: str, message: str
) -> None:
    """Wrong shapes and options raise LowerError with the span of the part at fault."""
    with pytest.raises(LowerError) as caught:
        _lowered(text)
    span = caught.value.span
    assert text[span.start : span.end] == fault
    assert message in caught.value.message
    assert caught.value.message


@pytest.mark.parametrize(
    "call",
    [
        tree.Absent(),
        tree.Boolean(True),
        tree.Text("x"),
        tree.Call("nosuch", ()),
        tree.Call("sum", ()),
        tree.Call("sin", (tree.Number(1), tree.Number(2))),  # type: ignore[arg-type]
        tree.Call("sum", (tree.Name("x"),), (("axis", tree.Name("x")),)),
        tree.Call("sum", (tree.Name("x"), tree.Absent()), (("dim", tree.Absent()),)),
    ],
)
def test_trees_that_the_parser_would_refuse(call: tree.Node) -> None:
    """A tree made by hand is checked again: no value, unknown functions, wrong arguments."""
    builder = Builder()
    with pytest.raises(LowerError):
        lower(call, {"x": input_array(builder, "x", (2,))}, builder)


def test_arrays_too_large_to_write_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An elementwise result beyond the limit is refused before it is built."""
    monkeypatch.setattr(rules_common, "MAX_ELEMENTS", 5)
    with pytest.raises(LowerError, match="an array of 6 elements; at most 5"):
        _lowered("-x")


def test_trees_too_deep_are_refused() -> None:
    """A tree nested beyond the stack is an error of the spec, not of ours."""
    node: tree.Node = tree.Name("x")
    for _ in range(50_000):
        node = tree.Unary("-", node)
    builder = Builder()
    with pytest.raises(LowerError, match="nested too deeply"):
        lower(node, {"x": input_array(builder, "x", ())}, builder)
    while isinstance(node, tree.Unary):  # taken apart here: the interpreter would recurse
        node = node.operand


def test_input_names_of_the_language_win_over_constants() -> None:
    """An input called e is the input; unbound, e is the constant."""
    builder = Builder()
    bound = lower(parse("e + 1"), {"e": input_array(builder, "e", ())}, builder)
    assert bound.item().instruction.op == "add"
    assert builder.code[bound.item().instruction.args[0]].op == "input"
    assert lower(parse("e"), {}, builder).item().instruction.op == "e"


@settings(QUICK, max_examples=40)
@given(values=st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=7), down=st.booleans())
def test_sorting_networks_sort(values: list[float], down: bool) -> None:
    """Whatever the order and the ties, the network gives the sorted line."""
    found = _evaluated(f"sort(x, descending={str(down).lower()})", {"x": np.array(values)})
    assert found.tolist() == sorted(values, reverse=down)


@pytest.mark.parametrize(
    "text", ["x @ w", "matmul(x, w)", "einsum('ik,kj->ij', x, w)", "dot(u, v)"]
)
def test_products_over_nothing_are_zero(text: str) -> None:
    """Rows without columns times columns without rows: a matrix of zeros."""
    builder = Builder()
    shapes = {"x": (2, 0), "w": (0, 3), "u": (0,), "v": (0,)}
    bindings = {name: input_array(builder, name, shape) for name, shape in shapes.items()}
    found = lower(parse(text), bindings, builder)
    assert found.shape == (() if "dot" in text else (2, 3))
    assert all(scalar.constant == 0 for scalar in found.reshape(-1))
