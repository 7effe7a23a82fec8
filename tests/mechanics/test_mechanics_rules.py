"""Each rule of autograd's mechanics, as a program that states it: torch and prediction agree."""

from __future__ import annotations

import pytest

RULES = {
    "gradients accumulate": """
  - let: {y: x*x}
  - backward: {of: sum(y), retain_graph: true}
  - expect: {x.grad: "[2, -4]"}
  - backward: sum(y)
  - expect: {x.grad: "[4, -8]"}
""",
    "zero_grad removes the gradient, or fills it with zeros": """
  - backward: sum(x*x)
  - zero_grad: x
  - expect: {x.grad: null}
  - backward: sum(x*x)
  - zero_grad: {of: x, set_to_none: false}
  - expect: {x.grad: "[0, 0]"}
""",
    "a named gradient sees later accumulation, but not its removal": """
  - backward: sum(x*x)
  - let: {g: x.grad}
  - backward: sum(x*x)
  - expect: {g: "[4, -8]"}
  - zero_grad: x
  - expect: {g: "[4, -8]", x.grad: null}
""",
    "a graph serves once": """
  - let: {y: x*x}
  - backward: sum(y)
  - backward: sum(y)
    raises: RuntimeError
  - expect: {x.grad: "[2, -4]"}
""",
    "a graph that keeps nothing serves again": """
  - let: {y: sum(x + 1)}
  - backward: y
  - backward: y
  - expect: {x.grad: "[2, 2]"}
""",
    "a product with a number keeps the number": """
  - let: {y: sum(2*x)}
  - backward: y
  - backward: y
    raises: RuntimeError
""",
    "what ran before the failing node stays": """
  - let: {a: x*x, y: a + s}
  - backward: sum(a)
  - backward: sum(y)
    raises: RuntimeError
  - expect: {s.grad: 2}
""",
    "backward needs a gradient for several numbers": """
  - let: {y: 2*x}
  - backward: y
    raises: RuntimeError
  - backward: {of: y, gradient: "[1, 10]"}
  - expect: {x.grad: "[2, 20]"}
  - let: {z: 2*x}
  - backward: {of: z, gradient: 1}
    raises: RuntimeError
""",
    "backward of what does not require grad": """
  - backward: sum(u)
    raises: RuntimeError
""",
    "backward of a leaf": """
  - backward: s
  - expect: {s.grad: 1}
""",
    "intermediate gradients are dropped, unless retained": """
  - let: {y: x*x, z: 3*y}
  - retain_grad: y
  - backward: {of: sum(z), retain_graph: true}
  - expect: {y.grad: "[3, 3]", z.grad: null}
  - backward: sum(z)
  - expect: {y.grad: "[6, 6]"}
  - retain_grad: u
    raises: RuntimeError
""",
    "retain_grad follows a tensor through an in-place write": """
  - let: {y: 3*x}
  - retain_grad: y
  - set: {"y[0]": 7}
  - backward: sum(y*y)
  - expect: {y.grad: "[14, -12]", x.grad: "[0, -36]"}
""",
    "no_grad leaves requires_grad alone and records nothing": """
  - no_grad:
      - let: {y: x*x}
      - expect: {x.requires_grad: true, y.requires_grad: false, y.is_leaf: true}
  - backward: sum(y)
    raises: RuntimeError
""",
    "enable_grad inside no_grad records": """
  - no_grad:
      - enable_grad:
          - let: {y: sum(x*x)}
  - backward: y
  - expect: {x.grad: "[2, -4]"}
""",
    "a view made in no_grad still belongs to its base": """
  - no_grad:
      - let: {v: "x[0:1]"}
  - expect: {v.requires_grad: true, v.is_leaf: true}
  - set: {v: 3}
    raises: RuntimeError
""",
    "a view made in no_grad is unusable once its base was written to": """
  - let: {y: 2*x}
  - no_grad:
      - let: {v: "y[0:1]"}
  - set: {y: 5}
  - let: {w: v + 1}
    raises: RuntimeError
  - no_grad:
      - let: {w: v + 1}
  - expect: {w: "[6]"}
""",
    "inference tensors": """
  - inference_mode:
      - let: {i: 2*x, v: "x[0:1]"}
      - expect: {i.requires_grad: false, v.requires_grad: true}
      - set: {i: 4}
      - enable_grad:
          - let: {j: 3*x}
          - expect: {j.requires_grad: false}
  - let: {y: x + i}
  - expect: {y.requires_grad: true}
  - let: {z: x*i}
    raises: RuntimeError
  - set: {i: 5}
    raises: RuntimeError
  - requires_grad: i
    raises: RuntimeError
  - let: {k: clone(i)}
  - let: {z: x*k}
  - backward: sum(z)
  - expect: {x.grad: "[5, 5]"}
""",
    "a gradient made in inference mode cannot be added to outside": """
  - let: {y: sum(x*x)}
  - inference_mode:
      - backward: {of: y, retain_graph: true}
  - backward: y
    raises: RuntimeError
""",
    "detach shares memory and versions": """
  - let: {y: x*x, d: detach(x)}
  - expect: {d.requires_grad: false}
  - set: {"d[0]": 100}
  - expect: {x: "[100, -2]", y: "[1, 4]"}
  - backward: sum(y)
    raises: RuntimeError
""",
    "clone does not": """
  - let: {y: x*x, d: "clone(detach(x))"}
  - set: {"d[0]": 100}
  - expect: {x: "[1, -2]"}
  - backward: sum(y)
  - expect: {x.grad: "[2, -4]"}
""",
    "data shares memory, and nobody notices": """
  - let: {y: x*x}
  - set: {"x.data[0]": 100}
  - backward: sum(y)
  - expect: {x.grad: "[200, -4]", y: "[1, 4]"}
""",
    "a leaf that requires grad is not written to": """
  - set: {x: 3}
    raises: RuntimeError
  - set: {"x[0]": 3}
    raises: RuntimeError
  - let: {v: "x[0:1]"}
  - set: {v: 3}
    raises: RuntimeError
  - no_grad:
      - set: {"x[0]": 3}
  - expect: {x: "[3, -2]"}
""",
    "a write goes into the history": """
  - let: {y: 2*x}
  - set: {"y[0]": s}
  - expect: {y: "[1.5, -4]"}
  - backward: sum(y*y)
  - expect: {x.grad: "[0, -16]", s.grad: 3}
""",
    "a write makes a leaf into a result": """
  - let: {v: "u[1:]"}
  - set: {"u[0]": s}
  - expect: {u.requires_grad: true, u.is_leaf: false, v.requires_grad: true, v.is_leaf: false}
  - backward: sum(u)
  - expect: {s.grad: 1}
  - backward: sum(u)
    raises: RuntimeError
""",
    "a write through a view reaches the base": """
  - let: {y: 2*x, v: "y[0:1]"}
  - set: {v: 7}
  - backward: sum(y*y)
  - expect: {x.grad: "[0, -16]"}
""",
    "what exp keeps is its result": """
  - let: {v: 1*x, y: exp(v)}
  - set: {"v[0]": 3}
  - backward: sum(y)
  - expect: {x.grad: "exp([1, -2])"}
  - let: {y: exp(x)}
  - set: {"y[0]": 3}
  - backward: sum(y)
    raises: RuntimeError
""",
    "what sin keeps is its operand": """
  - let: {v: 1*x, y: sin(v)}
  - set: {"y[0]": 3}
  - backward: {of: sum(y), retain_graph: true}
  - expect: {x.grad: "[0, cos(2)]"}
  - set: {"v[0]": 3}
  - backward: sum(y)
    raises: RuntimeError
""",
    "a product keeps a factor only for the other one": """
  - let: {c: 1*u, y: x*c}
  - no_grad:
      - set: {x: 5}
  - backward: {of: sum(y), retain_graph: true}
  - expect: {x.grad: "[0.5, 3]"}
  - set: {c: 5}
  - backward: sum(y)
    raises: RuntimeError
""",
    "numbers of no dimension have no elements to index": """
  - set: {"s[0]": 100}
    raises: IndexError
  - let: {y: "x[2]"}
    raises: IndexError
""",
    "shapes that do not fit": """
  - let: {y: "x + [1, 2, 3]"}
    raises: RuntimeError
  - set: {u: "[1, 2, 3]"}
    raises: RuntimeError
  - set: {u: "[[1, 2]]"}
  - expect: {u: "[1, 2]"}
  - let: {w: "expand(u, (2, 2))"}
  - set: {w: "[[1, 2], [3, 4]]"}
    raises: RuntimeError
  - set: {"w[0, 0]": 9}
  - expect: {u: "[9, 2]"}
""",
    "reshape is a view where it can be": """
  - let: {a: "[[1, 2], [3, 4]]"}
  - let: {r: "reshape(a, (4,))", t: "reshape(a.T, (4,))"}
  - set: {"a[0, 1]": 9}
  - expect: {r: "[1, 9, 3, 4]", t: "[1, 3, 2, 4]"}
""",
    "requires_grad is switched on leaves only": """
  - let: {y: x*u}
  - requires_grad: {of: y, flag: false}
    raises: RuntimeError
  - requires_grad: u
  - let: {z: x*u}
  - backward: sum(y + z)
  - expect: {x.grad: "[1, 6]", u.grad: "[1, -2]"}
  - requires_grad: {of: x, flag: false}
  - let: {w: u*x}
  - expect: {w.requires_grad: true}
""",
    "a leaf that stopped requiring grad gets none": """
  - let: {y: sum(x*x)}
  - requires_grad: {of: x, flag: false}
  - backward: y
  - expect: {x.grad: null}
""",
    "grad hands gradients back and accumulates nothing": """
  - let: {y: x*x}
  - grad: {of: sum(y), wrt: [x], as: [g]}
  - expect: {g: "[2, -4]", x.grad: null, g.requires_grad: false}
  - grad: {of: sum(x), wrt: [s], as: [h]}
    raises: RuntimeError
  - grad: {of: sum(x), wrt: [u], as: [h]}
    raises: RuntimeError
""",
    "grad by an intermediate tensor stops there": """
  - let: {y: x*x, z: sum(y*y)}
  - grad: {of: z, wrt: [y], retain_graph: true, as: [g]}
  - grad: {of: z, wrt: [y, x], as: [h, k]}
  - expect: {g: "[2, 8]", h: "[2, 8]", k: "[4, -32]"}
""",
    "create_graph makes gradients differentiable": """
  - let: {y: "sum(x**3)"}
  - grad: {of: y, wrt: [x], create_graph: true, as: [g]}
  - expect: {g: "3*x**2", g.requires_grad: true, g.is_leaf: false}
  - backward: sum(g)
  - expect: {x.grad: "6*x"}
""",
    "a recorded gradient is replaced, not written to": """
  - let: {y: "sum(x**3)"}
  - backward: {of: y, create_graph: true}
  - let: {g: x.grad}
  - backward: {of: y, create_graph: true}
  - expect: {g: "[3, 12]", x.grad: "[6, 24]"}
""",
    "backward on some inputs only": """
  - let: {y: x*s, z: sum(y)}
  - backward: {of: z, inputs: [s, y]}
  - expect: {x.grad: null, s.grad: -1, y.grad: "[1, 1]"}
""",
    "an exception leaves the block it arises in": """
  - no_grad:
      - let: {y: 1*x}
      - set: {"s[0]": 1}
      - let: {z: 2*x}
    raises: IndexError
  - expect: {s: 1.5}
""",
    "an exception that is declared inside does not": """
  - no_grad:
      - set: {"s[0]": 1}
        raises: IndexError
      - let: {z: 2*x}
  - expect: {z.requires_grad: false}
""",
    "a missing gradient is no operand": """
  - let: {y: x.grad + 1}
    raises: TypeError
""",
    "a second order through what a result was kept for": """
  - let: {y: "sum(exp(x) + tanh(x) + sqrt(u + 1)*x)"}
  - grad: {of: y, wrt: [x], create_graph: true, as: [g]}
  - backward: sum(g*g)
  - backward: y
    raises: RuntimeError
""",
    "softplus with a tensor as beta": """
  - let: {y: "softplus(x, beta=s)"}
  - backward: sum(y)
  - expect: {s.grad: "diff(sum(log(1 + exp(s*x))/s), s)"}
""",
    "conditions carry no gradient": """
  - let: {y: "where(not (x > 0) or x > s, s*x, x*x)", m: x > 0}
  - expect: {m: "[1, 0]", m.requires_grad: false}
  - backward: sum(y)
  - expect: {x.grad: "[2, 1.5]", s.grad: -2}
""",
    "an alias is the same tensor, plus too": """
  - let: {a: u, b: +u}
  - set: {a: 4}
  - expect: {u: "[4, 4]", b: "[4, 4]"}
""",
    "zeroing a recorded gradient cuts its history": """
  - backward: {of: sum(x**3), create_graph: true}
  - zero_grad: {of: x, set_to_none: false}
  - expect: {x.grad: "[0, 0]"}
  - set: {"x[0]": 1}
    raises: RuntimeError
""",
    "a step of a slice is positive": """
  - let: {y: "x[::-1]"}
    raises: ValueError
""",
    "indexing gives views of every kind": """
  - let: {a: "1*[[1, 2], [3, 4]]"}
  - let: {b: "a[..., 0]", c: "a[none, 1]", d: "a[:, 1:]"}
  - set: {a: 7}
  - expect: {b: "[7, 7]", c: "[[7, 7]]", d: "[[7], [7]]"}
""",
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_torch_does_what_the_rules_say(rule, dtype, program, judged):
    """Prediction, torch and the expectations written here agree after every step."""
    found = judged(program(RULES[rule].lstrip("\n")), dtype)
    assert [divergence.message for divergence in found.divergences] == []
    assert found.decided > 0
