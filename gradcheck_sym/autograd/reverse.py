"""What autograd claims: values and vector-Jacobian products at many points ("lanes").

The claims are read the way a user reads them, from `.grad` after `.backward()`. Code under test
may raise, write where it must not, or return nonsense: each lane is told apart from the others,
and what went wrong there is said in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor

from gradcheck_sym.autograd.implementation import (
    RAISED,
    Implementation,
    ImplementationError,
    told,
)
from gradcheck_sym.autograd.ledger import (
    TRACKED,
    Array,
    Claims,
    FormError,
    Job,
    Ledger,
    changed,
    frozen,
    job_of,
)
from gradcheck_sym.autograd.mapped import through_map
from gradcheck_sym.autograd.memory import parameters
from gradcheck_sym.autograd.state import undisturbed
from gradcheck_sym.autograd.trees import ambient_dtype

__all__ = ["MODES", "Claims", "forward_output_shape", "reverse"]

MODES = ("each", "elementwise", "vmap")


def reverse(
    implementation: Implementation,
    values: Mapping[str, Array],
    wrt: tuple[str, ...],
    cotangents: Array | None,
    dtype: str,
    mode: str = "each",
    graph: str = "",
) -> Claims:
    """Values at all lanes, and the products of `cotangents` with the Jacobians by `wrt`.

    values: (lanes, *shape of the input) by name, exact in `dtype`. cotangents: (lanes, *shape of
    the result), exact likewise; None stands for ones. Without `wrt` only the values are computed,
    on inputs that require no gradient. An input with a dtype of its own is given in that. `graph`:
    UNTRACKED or TRACKED where gradients are asked for with create_graph=True, as for a penalty.

    Modes: "each" runs every lane alone on fresh leaf tensors, as a user would. "elementwise" lays
    all lanes out as one long vector, for implementations that act on each element alone. "vmap"
    maps torch.func.vjp over the lanes. Where the last two do not fit, "each" runs and `fallback`
    says why. Never raises for what the implementation does; torch's global state stays as it was.
    """
    if mode not in MODES:
        raise ValueError(f"mode: got {mode!r}; known are {', '.join(MODES)}")
    with undisturbed():
        asked = implementation, values, wrt, cotangents, dtype
        job = replace(job_of(*asked), graph=graph)
        if mode == "each":
            return each(job)
        try:
            return {"elementwise": _elementwise, "vmap": _vmap}[mode](job)
        except RAISED as error:
            return replace(each(replace(job_of(*asked), graph=graph)), fallback=told(error))


def forward_output_shape(
    implementation: Implementation, values: Mapping[str, Array], dtype: str
) -> tuple[int, ...]:
    """The shape of the result at the first lane that gives one.

    Raises ImplementationError where no lane does, with the first lane's reason.
    """
    reason = ""
    with undisturbed():
        job = job_of(implementation, values, (), None, dtype)
        for lane in range(job.lanes):
            try:
                return tuple(job.call(_leaves(job, lane)).shape)
            except RAISED as error:
                reason = reason or told(error)
    raise ImplementationError(reason or "there is no point to run it at")


# --- the modes ----------------------------------------------------------------------------


def _leaves(job: Job, lane: int) -> dict[str, Tensor]:
    """The inputs of a lane as tensors of their own (over the batch's memory), never views."""
    return {name: batch[lane].detach() for name, batch in job.inputs.items()}


def each(job: Job) -> Claims:
    """The claims of a job whose lanes are run one by one, on fresh leaf tensors."""
    ledger = Ledger(job)
    before = job.watched()
    inputs = {name: batch.unbind() for name, batch in job.inputs.items()}
    fed = None if job.cotangents is None else job.cotangents.unbind()
    for lane in range(job.lanes):
        tensors = {name: rows[lane].detach() for name, rows in inputs.items()}
        try:
            _pull_back(job, ledger, lane, tensors, None if fed is None else fed[lane].detach())
        except FormError as fault:
            ledger.problem(lane, str(fault))
        except RAISED as error:
            ledger.raised(lane, error)
    for name, batch in job.watched().items():
        for lane in changed(before[name], batch):
            if _is_written_early(job, before, lane, name):
                ledger.touched(lane, name)
            ledger.written(lane, name)
    return ledger.claims()


def _is_written_early(job: Job, before: Mapping[str, Tensor], lane: int, lent: str) -> bool:
    """Whether a forward alone changes what is lent: through .data no version tells of it."""
    copies = {name: before[f"the input {name}"][lane].clone() for name in job.inputs}
    own = {f"the input {name}": tensor for name, tensor in copies.items()}
    try:
        job.call({k: v.detach().requires_grad_(k in job.wrt) for k, v in copies.items()})
    except RAISED:
        return False
    return lent in own and bool(changed(before[lent][lane : lane + 1], own[lent][None]))


def _pull_back(
    job: Job, ledger: Ledger, lane: int, tensors: dict[str, Tensor], cotangent: Tensor | None
) -> None:
    """One lane, as a user runs it: forward, backward, and a look at .grad."""
    with torch.enable_grad():  # the lane before may have left it off
        leaves = [(name, tensors[name].requires_grad_()) for name in job.wrt]
        for name in job.views:
            tensors[name] = tensors[name].view_as(tensors[name])
        versions = [(name, tensor, tensor._version) for name, tensor in tensors.items()]
        result = job.call(tensors)
        ledger.value(lane, result.detach())
        for name, tensor, before in versions:
            if tensor._version != before:
                ledger.touched(lane, f"the input {name}")
        if not leaves:
            return
        if not result.requires_grad:
            ledger.untracked(lane)
            return
        fed = torch.ones_like(result) if cotangent is None else cotangent
        if job.alone is None and not job.graph:
            torch.autograd.backward(result, fed)
        else:
            _ask(job, ledger, lane, tensors, result, fed)
            return
    for name, leaf in leaves:
        ledger.gradient(lane, name, leaf.grad, leaf)
        if leaf.grad is None and any(leaf is end for end in parameters(result)):
            ledger.refused(name)


def _ask(
    job: Job, ledger: Ledger, lane: int, tensors: dict[str, Tensor], result: Tensor, fed: Tensor
) -> None:
    """The gradients as torch.autograd.grad returns them."""
    asked = [tensors[name] for name in job.asked]
    if job.graph == TRACKED:
        fed = fed.view_as(fed).requires_grad_()
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        result, asked, fed, create_graph=bool(job.graph), allow_unused=True
    )
    for name, leaf, gradient in zip(job.asked, asked, found, strict=True):
        ledger.gradient(lane, name, None if gradient is None else gradient.detach(), leaf)


def _elementwise(job: Job) -> Claims:
    """All lanes as one vector: element i of the result may depend on element i of inputs only.

    The result may be several such vectors, one after the other, as the gradients by several inputs
    are. Raises ImplementationError where the inputs or the result do not allow that, or anything at
    all goes wrong: only lane by lane can it be told where.
    """
    shape = _common_shape(job)
    for name in job.wrt:
        if job.inputs[name].shape[1:] != shape:
            raise ImplementationError(f"{name} is not of the result's shape {tuple(shape)}")
    size = (job.lanes, *shape)
    fixed = job.fixed
    inputs = {
        name: batch[:1] if name in fixed and batch.dim() == 1 else _laid_out(batch, size)
        for name, batch in job.inputs.items()
    }
    fed = _ones(job, shape) if job.cotangents is None else job.cotangents
    vectors = fed.reshape(job.lanes, -1, shape.numel()).transpose(0, 1)
    claims = each(replace(job, inputs=inputs, cotangents=vectors.reshape(1, -1)))
    if claims.problems:
        raise ImplementationError(claims.problems[0])
    return replace(
        claims,
        values=claims.values.reshape(vectors.shape).swapaxes(0, 1).reshape(fed.shape),
        gradients=MappingProxyType(
            {k: v if v is None else v.reshape(size) for k, v in claims.gradients.items()}
        ),
        valueless=frozenset(),
        untracked=frozenset(range(job.lanes) if claims.untracked else ()),
        mode="elementwise",
    )


def _common_shape(job: Job) -> torch.Size:
    """The shape of a lane's inputs where each element is computed alone."""
    lanes = [batch[0] for batch in job.inputs.values()]
    shape = torch.broadcast_tensors(*lanes)[0].shape  # type: ignore[no-untyped-call]
    fed = shape.numel() if job.cotangents is None else job.cotangents[0].numel()
    if not shape.numel() or fed % shape.numel():
        raise ImplementationError(f"the result is not of the inputs' shape {tuple(shape)}")
    return shape  # type: ignore[no-any-return]


def _ones(job: Job, shape: tuple[int, ...]) -> Tensor:
    return torch.ones((job.lanes, *shape), dtype=ambient_dtype(job.inputs.values()))


def _laid_out(batch: Tensor, size: tuple[int, ...]) -> Tensor:
    """A batch as one lane, a vector: repeated along what a lane of it lacks."""
    filler = (1,) * (len(size) - batch.dim())
    return batch.reshape(len(batch), *filler, *batch.shape[1:]).expand(size).reshape(1, -1)


def _vmap(job: Job) -> Claims:
    """torch.func.vjp mapped over the lanes; the first lane, run alone, shows what is None.

    Raises what torch.func raises, and ImplementationError where the first lane has a problem or
    something lent was written to.
    """
    lent = {name: batch.clone() for name, batch in job.batches.items()}
    first = each(_head(job))
    if first.problems:
        raise ImplementationError(first.problems[0])
    # (torch.func.vjp would import the compiler first, which takes a second)
    values, gradients = through_map(job, dict.fromkeys(job.inputs, 0), job.fixed)
    for name, batch in job.batches.items():
        if changed(lent[name], batch):
            raise ImplementationError(f"wrote to {name}")
    claimed: dict[str, Array | None] = {
        name: None if first.gradients[name] is None else frozen(gradients[name]) for name in job.wrt
    }
    return replace(
        first,
        values=frozen(values),
        gradients=MappingProxyType(claimed),
        valueless=frozenset(),
        untracked=frozenset(range(job.lanes) if first.untracked else ()),
        mode="vmap",
    )


def _head(job: Job) -> Job:
    """The first lane alone, as a copy."""
    fed = None if job.cotangents is None else job.cotangents[:1].clone()
    inputs = {name: batch[:1].clone() for name, batch in job.inputs.items()}
    return Job(job.call, inputs, job.wrt, fed)
