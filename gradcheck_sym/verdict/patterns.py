"""What each diagnosis says about the code, and where to look for the mistake."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gradcheck_sym.spec.codes import Entry
from gradcheck_sym.verdict.diagnosis import Pattern

PATTERNS: Mapping[Pattern, Entry] = MappingProxyType(
    {
        # nothing, or nothing finite
        Pattern.NO_GRADIENT: Entry(
            "no gradient arrives",
            "Autograd gives None where the mathematics has a derivative: the graph is cut, by"
            " detach(), .data, .item(), NumPy, no_grad, or a backward that returns None.",
            "Find the operation after which requires_grad is false, or return the gradient in"
            " the place of its input.",
        ),
        Pattern.CUT_AGAIN: Entry(
            "the second derivative is silently cut",
            "The gradient has a graph, which leads to grad_output and to no input, although the"
            " backward works with inputs: they were detached. Whoever differentiates it again gets"
            " wrong numbers, and no exception.",
            "Save inputs by ctx.save_for_backward and compute with them as they come; or mark the"
            " backward with torch.autograd.function.once_differentiable.",
        ),
        Pattern.MUTATION: Entry(
            "something is written to that is not the function's own",
            "The function changes an input or grad_output, answers differently the second time,"
            " or shares memory between two of its results.",
            "Clone before writing in place; keep no state between calls.",
        ),
        Pattern.UNSELECTED_BRANCH: Entry(
            "NaN through the branch that was not taken",
            "where(c, a, b) differentiates both branches and multiplies the other one by 0; if"
            " its slope is infinite there, 0 times infinity is NaN.",
            "Make the argument harmless before the branch: where(c, f(where(c, x, 1)), b).",
        ),
        Pattern.NOT_FINITE: Entry(
            "NaN or infinite",
            "The gradient is not finite at points where the true one is.",
            "Look for an intermediate that overflows, or for a division of 0 by 0, at the point"
            " that is shown.",
        ),
        Pattern.ZERO: Entry(
            "the gradient is zero",
            "Every failing number is 0: the backward returns zeros, or a step of the function has"
            " the derivative 0 almost everywhere, as round, floor and comparisons have.",
            "Return the product with grad_output, not a fresh tensor of zeros.",
        ),
        # a simple function of the truth
        Pattern.SIGN: Entry(
            "the sign is wrong",
            "The gradient is minus the true one at every failing point.",
            "Look for a minus that is lost: in d(-x), d(1/x), d(cos x), or a - b.",
        ),
        Pattern.RATIO: Entry(
            "a constant factor too many or too few",
            "The gradient is the same multiple of the truth everywhere: 2 for a square that is"
            " not differentiated twice, 1/n or n for mean and sum, log(2) for another base.",
            "The factor is named; multiply or divide by it where it belongs.",
        ),
        Pattern.OFFSET: Entry(
            "a constant is added",
            "The gradient is the truth plus the same number, or plus a multiple of grad_output or"
            " of an input: the derivative of a term that the function does not have.",
            "Remove the term from the backward, or add it to the forward.",
        ),
        Pattern.LOW_PRECISION: Entry(
            "the digits of a narrower dtype",
            "The gradient is right, but to the digits of another dtype than its own: something"
            " was rounded on the way.",
            "Look for .float(), .half(), a buffer or a constant tensor of the default dtype, and"
            " for autocast.",
        ),
        # grad_output
        Pattern.COTANGENT_IGNORED: Entry(
            "grad_output is ignored",
            "The gradient is as if grad_output were all ones. It shows only where the result is"
            " not summed right away.",
            "Multiply the slope by grad_output.",
        ),
        Pattern.COTANGENT_TWICE: Entry(
            "grad_output is multiplied in twice",
            "The gradient contains the square of grad_output.",
            "Multiply by it once.",
        ),
        Pattern.COTANGENT_MISREAD: Entry(
            "grad_output is misread",
            "The gradient is right for another cotangent: its mean, its sum, its absolute value,"
            " its first element, or its elements in another order.",
            "Use grad_output element by element. In another order it is memory that was read as"
            " if it were contiguous.",
        ),
        Pattern.STRAIGHT_THROUGH: Entry(
            "grad_output is handed on",
            "The gradient is grad_output itself, as if the slope were 1: a straight-through"
            " estimator.",
            "If it is meant so, the mathematics is another: write expr with detach().",
        ),
        Pattern.CONSTANT_SLOPE: Entry(
            "the slope is the same everywhere",
            "The gradient does not depend on the inputs, though the derivative does.",
            "Save the inputs for backward, and compute the slope from them.",
        ),
        Pattern.CLIPPED: Entry(
            "the gradient is cut off",
            "Numbers, or slopes, beyond a limit are returned as the limit.",
            "Clip where the optimizer steps, not in the backward; or make it part of expr.",
        ),
        # complex numbers
        Pattern.CONJUGATE: Entry(
            "a conjugate is missing, or one too many",
            "The numbers are right but for a conjugate: of a product z*w the gradient by z is"
            " grad_output*conj(w) in torch's convention, and slopes of real parts have one, too.",
            "Conjugate the slope, not grad_output, and multiply.",
        ),
        # arrays
        Pattern.TRANSPOSED_JACOBIAN: Entry(
            "the Jacobian is transposed",
            "The gradient is J v where it must be J^T v: a vector-Jacobian product.",
            "Exchange the two sides of the product with the matrix, or transpose the matrix.",
        ),
        Pattern.TRANSPOSED: Entry(
            "the gradient is transposed",
            "The numbers are right, but rows and columns are exchanged.",
            "Transpose the result: for A @ B, the gradient of A is G @ B^T.",
        ),
        Pattern.MISSING_SUM: Entry(
            "a sum over a repeated dimension is missing",
            "The input was broadcast, so each of its elements acts several times; the gradient"
            " counts only one of them.",
            "Sum over the dimensions along which the input was repeated (sum_to_size).",
        ),
        Pattern.WRONG_SUM: Entry(
            "summed over the wrong dimension",
            "The gradient is a sum over another dimension than the one that was repeated, or what"
            " an element of the output adds to one of the gradient goes to another one.",
            "Sum over the dimensions in which the input has size 1 or that it does not have; add"
            " each term where forward took the input's element from.",
        ),
        Pattern.PERMUTED: Entry(
            "right numbers at other elements",
            "The gradient holds the right numbers in another order: reversed, shifted, sorted.",
            "Undo in backward the reordering that forward did: scatter where it gathered.",
        ),
        Pattern.EXCHANGED: Entry(
            "the gradient of another input",
            "What is returned for this input is the derivative by another one.",
            "Return the gradients in the order of forward's arguments.",
        ),
        # other values
        Pattern.OTHER_POINT: Entry(
            "the right formula at other values",
            "The derivative is evaluated at something else than the input: the output, its"
            " absolute value, a rounded or shifted copy.",
            "Look at what save_for_backward got.",
        ),
        Pattern.OTHER_BRANCH: Entry(
            "the slope of the other branch",
            "A condition decides which formula holds, and the backward does not ask it, or takes it"
            " the wrong way round.",
            "Keep the mask of the forward for backward, and select by it in the same order.",
        ),
        Pattern.STALE: Entry(
            "values of another call",
            "The derivative is right for the inputs of an earlier call: a buffer is reused before"
            " its backward ran.",
            "Keep what backward needs in ctx, not in the module or in a global.",
        ),
        # parts of the formula
        Pattern.MISSING_TERM: Entry(
            "a term is missing",
            "One path from the input to the result is left out: a term of the product rule, or"
            " one of the places in which the input occurs.",
            "Add the term that is named.",
        ),
        Pattern.WRONG_TERM: Entry(
            "a term has another factor",
            "One term of the derivative has the wrong sign, or is counted more than once; or so is"
            " what one element of the output adds.",
            "Correct the term that is named.",
        ),
        Pattern.MISSING_FACTOR: Entry(
            "a factor of the chain rule is missing",
            "The derivative of an inner function is left out.",
            "Multiply by the inner derivative that is named.",
        ),
        # only somewhere
        Pattern.THRESHOLD: Entry(
            "wrong beyond a threshold",
            "All failing points lie on one side of a number: a clamp, a shortcut for large"
            " arguments, or a series that is cut off too early.",
            "Look for a comparison with about that number.",
        ),
        Pattern.INTERVAL: Entry(
            "wrong within an interval",
            "All failing points lie between two numbers, or at special ones.",
            "Look for two comparisons, or for a special case.",
        ),
        Pattern.TIES: Entry(
            "wrong at ties",
            "It fails where elements are equal, or where one is 0: there max, min, sort, prod and"
            " comparisons decide between branches, or something is divided by zero.",
            "Treat equal elements, or zeros, on their own.",
        ),
        Pattern.KINKS: Entry(
            "wrong at kinks",
            "It fails only where the formula has a kink, a tie or a gap that is filled: what is"
            " given there is no slope that the function has next to it, nor any between two such"
            " slopes; of several inputs, their gradients don't go together.",
            "Give the slope of one side, for all inputs of the same side.",
        ),
        Pattern.STRUCTURE: Entry(
            "wrong at inputs of a structure",
            "It fails where a matrix is symmetric or triangular, or where complex numbers are real:"
            " a faster way is taken there, whose derivative is that along such inputs only.",
            "The gradient is that of an input whose elements, and their parts, all vary; the faster"
            " way has to give the same.",
        ),
        Pattern.SOME_SIZES: Entry(
            "wrong for some sizes",
            "It fails above or below a size, or at single ones: a block that is filled only in"
            " part, or a constant where the size belongs.",
            "Try the sizes on both sides of the one that is named.",
        ),
        Pattern.SOME_ELEMENTS: Entry(
            "wrong at some elements",
            "It fails only at elements of certain places, such as the first or the last.",
            "Look at the ends of loops and slices.",
        ),
        Pattern.ONE_DTYPE: Entry(
            "wrong in one dtype",
            "The same points are right in the other dtypes.",
            "Look for a branch on the dtype, a kernel of its own, or a constant beyond the range"
            " of the dtype.",
        ),
        Pattern.ONE_SETTING: Entry(
            "wrong in one setting",
            "It fails only with a certain layout of an input or of grad_output.",
            "Look for memory that is read without its strides; .contiguous() makes a copy.",
        ),
        Pattern.GROWING: Entry(
            "the error grows from nothing",
            "It is right near 0, and the further off the larger an input is: a series that is cut"
            " off, or a term of a higher order that is missing. Or the other way round: a small"
            " number was added, so that nothing is divided by 0.",
            "Look for the power that is named, for the next term of the series, or for an epsilon.",
        ),
        Pattern.NEAR: Entry(
            "near to the truth",
            "No known mistake fits, and nearly all numbers are within a few percent of the truth,"
            " though beyond all that its dtype may lose.",
            "Look for a table, a fit or a series, for what is saved in few bits, and for numbers"
            " that are added to avoid a division by 0.",
        ),
        Pattern.UNKNOWN: Entry(
            "no known mistake fits",
            "The numbers are wrong, and none of the known mistakes explains them at all failing"
            " points.",
            "Start at the smallest point, with the command that is shown; there may be two"
            " mistakes at once.",
        ),
    }
)
