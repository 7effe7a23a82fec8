"""Random programs: prediction and torch agree after every step, exceptions included."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcheck_sym.autograd.programs import execute
from gradcheck_sym.errors import Position
from gradcheck_sym.spec.parser import parse
from gradcheck_sym.spec.records import Expression, Input, Spec, Step
from gradcheck_sym.symbolic.mechanics import StepsError, predict
from gradcheck_sym.verdict.mechanics import compare

HERE = Position("random.yaml", 1, 1)
INPUTS = tuple(
    Input(name, value, (), None, None, tracked, HERE)
    for name, value, tracked in (
        ("x", (1.0, -2.0), True),
        ("u", (0.5, 3.0), False),
        ("s", 1.5, True),
        ("m", ((1.0, 2.0), (3.0, -1.5)), True),
    )
)
NAMES = st.sampled_from(["x", "u", "s", "m", "a", "b", "c", "d"])
NEW = st.sampled_from(["a", "b", "c", "d"])

ONE = (
    "2*{0}", "{0} + 1", "-{0}", "{0}*{0}", "{0}**2", "exp({0}/8)", "sin({0})", "tanh({0})",
    "1/({0}*{0} + 9)", "sum({0})", "mean({0})", "detach({0})", "clone({0})", "{0}", "abs({0})",
    "softmax({0}, -1)", "sqrt({0}*{0} + 1)", "prod({0})", "2**({0}/4)", "floor({0} + 0.05)",
    "{0}[0]", "{0}[0:1]", "{0}[-1]", "{0}[...]", "reshape({0}, (-1,))", "unsqueeze({0}, 0)",
    "expand({0}, (2, 2))", "squeeze({0})", "reshape({0}, (-1, 1))", "{0}.grad*2",
)  # fmt: skip
TWO = (
    "{0} + {1}", "{0} - {1}", "{0}*{1}", "{0}/({1}*{1} + 2)", "maximum({0}, {1} + 0.01)",
    "where({0} > {1} + 0.01, {0}, {1})", "({0}*{0} + 1)**({1}/8)", "clamp({0}, min={1} - 3)",
)  # fmt: skip


def expression(text: str) -> Expression:
    """A text of the language as a record."""
    return Expression(text, parse(text, dialect="steps"), HERE)


EXPRESSIONS = st.builds(
    lambda form, one, two: expression(form.format(one, two)),
    st.sampled_from(ONE + TWO),
    NAMES,
    NAMES,
)
SUMS = st.builds(
    lambda form, one, two: expression(form.format(one, two)),
    st.sampled_from(["sum({0})", "sum({0})", "sum({0}*{1})", "{0}"]),
    NAMES,
    NAMES,
)
NUMBERS = st.builds(lambda text: expression(text), st.sampled_from(["3", "0.5", "-1"]))
TARGETS = st.builds(
    str.__add__, NAMES, st.sampled_from(["", "", "[0]", "[0:1]", "[...]", ".data", ".grad"])
)
FLAG = st.booleans()
RARELY = st.sampled_from([False, False, False, True])
KEEP = st.sampled_from([None, None, True, False])


def step(action: str, **fields: st.SearchStrategy) -> st.SearchStrategy[Step]:
    """Steps of one kind."""
    return st.builds(Step, st.just(action), st.just(HERE), **fields)


def one(names: st.SearchStrategy) -> st.SearchStrategy:
    """A tuple of one."""
    return st.tuples(names)


SIMPLE = st.one_of(
    step("let", bindings=one(st.tuples(NEW, EXPRESSIONS))),
    step("let", bindings=one(st.tuples(NEW, EXPRESSIONS))),
    step("let", bindings=one(st.tuples(NEW, EXPRESSIONS))),
    step("backward", of=SUMS, retain_graph=KEEP, create_graph=RARELY),
    step("backward", of=SUMS, retain_graph=KEEP, wrt=one(NAMES)),
    step("grad", of=SUMS, wrt=one(NAMES), names=one(NEW), create_graph=FLAG, retain_graph=KEEP),
    step("zero_grad", wrt=one(NAMES), set_to_none=FLAG),
    step("retain_grad", wrt=one(NAMES)),
    step("requires_grad", wrt=one(NAMES), flag=FLAG),
    step("set", bindings=one(st.tuples(TARGETS, st.one_of(NUMBERS, EXPRESSIONS)))),
    step("hook", wrt=one(NAMES), gradient=NUMBERS),
)


def within(steps: st.SearchStrategy) -> st.SearchStrategy[Step]:
    """Blocks of steps in one of the three modes."""
    bodies = st.lists(steps, min_size=1, max_size=3).map(tuple)
    modes = ("no_grad", "inference_mode", "enable_grad")
    return st.one_of([step(mode, body=bodies) for mode in modes])


STEPS = st.one_of(SIMPLE, SIMPLE, SIMPLE, within(st.one_of(SIMPLE, within(SIMPLE))))


@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(STEPS, min_size=1, max_size=12).map(tuple))
def test_prediction_and_torch_agree(steps):
    """Whatever is predicted at all is what torch does."""
    spec = Spec("random", "random.yaml", HERE, inputs=INPUTS, steps=steps)
    try:
        predicted = predict(spec, "float64")
    except StepsError:
        return  # said, not guessed
    found = compare(predicted, execute(spec, "float64"), "float64")
    assert [d.message for d in found.divergences if d.culprit == "autograd"] == []


def test_most_random_programs_are_predicted():
    """A program of three steps of each kind is not refused: the test above tests something."""
    texts = ("x*s", "sum(a)", "sin(a)", "m[0]", "exp(a)*b")
    lets = tuple(
        Step("let", HERE, bindings=((name, expression(text)),))
        for name, text in zip("abcda", texts, strict=True)
    )
    passes = tuple(Step("backward", HERE, of=expression(f"sum({name})")) for name in "da")
    spec = Spec("random", "random.yaml", HERE, inputs=INPUTS, steps=lets + passes)
    found = compare(predict(spec, "float64"), execute(spec, "float64"), "float64")
    assert found.divergences == ()
    assert found.decided > 200
