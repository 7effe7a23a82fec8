"""What the verdicts and the checks mean, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gradcheck_sym.spec.codes import Entry
from gradcheck_sym.verdict.records import Verdict

VERDICTS: Mapping[Verdict, Entry] = MappingProxyType(
    {
        Verdict.PROVED: Entry(
            "identical to the derivative, as a formula",
            "The backward that autograd runs is symbolically identical to the derivative, so it is"
            " right at every point and not only at those that were looked at.",
            "Nothing; it counts as passed.",
        ),
        Verdict.AGREES: Entry(
            "within the derived bound at every point",
            "At every point that could be decided, the claim lies within what a sound evaluation"
            " in that dtype may lose. The bound is derived at each point from how far the exact"
            " result moves when every input is rounded once.",
            "Nothing; it counts as passed. The points that were dropped are counted by reason.",
        ),
        Verdict.SUBGRADIENT: Entry(
            "one of the slopes that a kink has",
            "At kinks, such as relu at 0, there is no derivative, and every member of Clarke's"
            " generalized gradient is accepted: whatever lies between the slopes on both sides."
            " What autograd returned is one of them.",
            "Nothing; it counts as passed, and -v says which member it is. Where one member is"
            " wanted, demand it: kinks: left, right, mean or minimum norm.",
        ),
        Verdict.SKIPPED: Entry(
            "left out, with a reason",
            "The spec's author left the check out, or the implementation says itself that it does"
            " not support it, as an autograd.Function without jvp does not support forward mode.",
            "Nothing; it counts as passed, and the reason is told.",
        ),
        Verdict.INACCURATE: Entry(
            "the right formula, with lost digits",
            "The formula is right, but digits are lost: the error is larger than in a sound"
            " evaluation, and is still explained by rounding. Typical are the difference of two"
            " nearly equal numbers, an intermediate result that overflows, and a value saved for"
            " backward in a narrower dtype.",
            "Look at the point that is shown and rewrite what cancels there (log1p, expm1, a"
            " shift by the maximum). It is a warning, and fails under --strict; a loss that is"
            " known and accepted goes under xfail with its reason.",
        ),
        Verdict.UNDECIDED: Entry(
            "too vague to rule",
            "The truth or the measurement is too vague to rule on, or too few points could be"
            " decided: most lay outside the domain, at kinks or at singular points.",
            "State a domain in which the function is defined, or fewer special values. It is a"
            " warning, and fails under --strict.",
        ),
        Verdict.WRONG: Entry(
            "not what the mathematics says",
            "The claim is not what the mathematics says, and rounding does not explain it. The"
            " culprit is named by three witnesses: where symbolic and numerical agree, it is the"
            " backward; where autograd and numerical agree, the forward does not compute expr, or"
            " expr is not what was meant; where symbolic and autograd agree, the oracle lost"
            " digits.",
            "Run the command at the end of the failure: it judges the smallest failing point"
            " alone. The diagnosis names the known mistake that fits, if one does.",
        ),
        Verdict.ERROR: Entry(
            "raised, or nothing to decide",
            "The spec or the implementation raised, returned no tensor of the right shape and"
            " dtype, could not be imported, or left nothing to decide.",
            "The message says what was raised. An implementation of one's own is imported only"
            " with --allow-import MODULE.",
        ),
    }
)

CHECKS: Mapping[str, Entry] = MappingProxyType(
    {
        "forward": Entry(
            "the value",
            "The value of the implementation against the mathematics of expr, in float64: the"
            " right gradient of the wrong function is wrong.",
            "If it fails, compare expr with what the implementation documents.",
        ),
        "reverse": Entry(
            "the gradient",
            "What backward returns for random cotangents, not only for ones, against the"
            " derivative, in float64.",
            "If it fails, the diagnosis says what the backward seems to compute instead.",
        ),
        "forward_mode": Entry(
            "forward-mode derivatives",
            "Directional derivatives by forward-mode AD (jvp), along random tangents.",
            "An implementation without jvp is skipped; one that has it must be right.",
        ),
        "second_order": Entry(
            "derivatives of the gradient",
            "Hessian-vector products and mixed partial derivatives, by backward through backward"
            " (create_graph) and by forward mode over reverse mode; also with some inputs, or the"
            " grad_output, requiring no gradient. The gradient itself must be right with a graph.",
            "A backward that is not meant to be differentiated says so by once_differentiable.",
        ),
        "finite_difference": Entry(
            "the gradient, measured",
            "The gradient against differences of the implementation's own values, with an error"
            " bar: the witness that knows nothing of expr.",
            "If it alone fails, expr and the implementation are different functions.",
        ),
        "layouts": Entry(
            "memory layouts and sizes",
            "Inputs and grad_output that are transposed, strided, offset in their memory or"
            " expanded (stride 0); sizes that are larger, empty, or broadcast.",
            "If it fails, the code reads memory as if it were contiguous: call .contiguous(), or"
            " use the strides.",
        ),
        "dtypes": Entry(
            "narrower dtypes",
            "Value and gradient in float32, bfloat16 and float16; in 16 bits at every number,"
            " where one number goes in.",
            "If it fails, look for constants, buffers or sums of another dtype.",
        ),
        "requires_grad_subsets": Entry(
            "some inputs without gradient",
            "The gradients where only some of the inputs require one: the others get None, and"
            " the rest stay as they were.",
            "Use ctx.needs_input_grad, and return None for what needs none.",
        ),
        "purity": Entry(
            "no side effects",
            "Neither inputs nor grad_output are written to, the same call gives the same answer,"
            " and two results alive at once do not disturb each other.",
            "Keep nothing between calls but what save_for_backward keeps, and write in place only"
            " to tensors that the function made itself.",
        ),
        "vmap": Entry(
            "batched gradients",
            "Gradients under torch.func.vmap against those of single points.",
            "An autograd.Function needs generate_vmap_rule or a vmap method; without, it is"
            " skipped.",
        ),
        "compile": Entry(
            "the compiled implementation",
            "Gradients of the implementation under torch.compile. It takes seconds for each spec,"
            " so it runs only where it is asked for.",
            "Ask by --checks compile, or by checks: {compile: true} in the spec.",
        ),
        "steps": Entry(
            "autograd's mechanics",
            "The program under steps: after every step all values, .grad, requires_grad and"
            " is_leaf, as predicted from autograd's rules, against torch.",
            "The message names the first step after which the two differ.",
        ),
        "expect": Entry(
            "the author's numbers",
            "The values and gradients that the spec's examples state, against both the"
            " mathematics and torch.",
            "If it fails, the message says which of the three stands alone.",
        ),
        "proof": Entry(
            "a proof",
            "The traced backward against the derivative, as formulas: equal everywhere or not.",
            "It is not carried out by this version.",
        ),
    }
)
