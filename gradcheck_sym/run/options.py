"""What a run is asked to do, with every default in this one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from gradcheck_sym.spec.checks import CHECKS as KNOWN
from gradcheck_sym.spec.records import Nested

# Those of spec.checks that the runner carries out so far.
CHECKS = tuple(name for name in KNOWN if name != "proof")
ON_DEMAND = frozenset({"compile"})  # only where a run or a spec asks for them


@final
@dataclass(frozen=True, slots=True)
class Options:
    """The choices of one run; None leaves a choice to the spec."""

    seed: int = 0  # of every random choice; the same seed gives the same results
    points: int = 1000  # bulk points for each spec and dtype
    checks: tuple[str, ...] | None = None  # out of CHECKS
    dtypes: tuple[str, ...] | None = None  # names of spec.dtypes
    strict: bool = False  # warnings fail, too
    stop_at_first: bool = False  # end at the first spec that fails
    allow_import: tuple[str, ...] = ()  # modules that `use:` may import
    # functions under a name of `use:`, in place of what would be imported
    implementations: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    point: Mapping[str, Nested] | None = None  # the only point to judge: input name -> value
    cotangent: Nested | None = None  # fed at that point; None: drawn from the seed
    dims: Mapping[str, int] = field(default_factory=dict)  # sizes of that point
