"""What a run is asked to do, with every default in this one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from gradcheck_sym.spec.checks import CHECKS as KNOWN
from gradcheck_sym.spec.records import Nested

# Those of spec.checks that the runner carries out so far.
CHECKS = tuple(name for name in KNOWN if name != "proof")
ON_DEMAND = frozenset({"compile"})  # only where a run or a spec asks for them


@final
@dataclass(frozen=True, slots=True)
class Profile:
    """How much is done, unless a run says otherwise in one of these."""

    purpose: str
    points: int  # in bulk, for each spec and dtype
    searches: int  # points at most that Hypothesis tries, looking for the largest error
    checks: tuple[str, ...] | None  # None: those that need not be asked for, and the spec's own


PROFILES: Mapping[str, Profile] = {
    "quick": Profile("a first look", 100, 0, ("forward", "reverse", "steps", "expect")),
    "default": Profile("what a change must pass", 1000, 50, None),
    "thorough": Profile("everything, for a night", 10_000, 500, CHECKS),
}
DEFAULT = PROFILES["default"]


@final
@dataclass(frozen=True, slots=True)
class Options:
    """The choices of one run; None leaves a choice to the spec."""

    seed: int = 0  # of every random choice; the same seed gives the same results
    points: int = DEFAULT.points  # bulk points for each spec and dtype
    searches: int = DEFAULT.searches  # points that Hypothesis tries; 0 leaves the search out
    checks: tuple[str, ...] | None = DEFAULT.checks  # out of CHECKS
    dtypes: tuple[str, ...] | None = None  # names of spec.dtypes
    strict: bool = False  # warnings fail, too
    stop_at_first: bool = False  # end at the first spec that fails
    outlines: bool = False  # results keep the errors at their points, for pictures
    allow_import: tuple[str, ...] = ()  # modules that `use:` may import
    memory: Path | None = None  # folder in which derivatives are remembered; None: not at all
    # functions under a name of `use:`, in place of what would be imported
    implementations: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    point: Mapping[str, Nested] | None = None  # the only point to judge: input name -> value
    cotangent: Nested | None = None  # fed at that point; None: drawn from the seed
    dims: Mapping[str, int] = field(default_factory=dict)  # sizes of that point


@final
@dataclass(frozen=True, slots=True)
class Workers:
    """The processes that judge, and how much each may take; results do not depend on it."""

    count: int | None = None  # 0: this process itself; None: as the work and the machine are
    timeout: float | None = 600.0  # seconds for each spec; None: any time
    memory: int | None = None  # MB for each, beyond the program's own; None: a fair share
