"""A part of the specs that are selected: a shard of them, or those that failed last time."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Mapping, Sequence

from gradcheck_sym.commands.usage import Code, mistake
from gradcheck_sym.run.journal import Entry
from gradcheck_sym.spec.records import Spec

_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


def part_options(parser: argparse.ArgumentParser) -> None:
    """The options about parts, and about what earlier runs have left."""
    group = parser.add_argument_group("which part")
    group.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="the I-th of N parts, such as 1/4; each spec is in one of them",
    )
    group.add_argument(
        "--lf", dest="last_failed", action="store_true", help="only what failed the last time"
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that was cut short: what it had finished is not judged again",
    )


def shard(specs: Sequence[Spec], part: int, parts: int) -> tuple[Spec, ...]:
    """The specs of one of several parts, counted from 1, in their order.

    By the order of digests of their addresses: families are spread over the parts, the parts are
    equally large, and on every machine they are the same.
    """
    ranked = sorted(specs, key=_digest)
    chosen = {spec.address for spec in ranked[part - 1 :: parts]}
    return tuple(spec for spec in specs if spec.address in chosen)


def last_failed(specs: Sequence[Spec], last: Mapping[str, Entry], strict: bool) -> tuple[Spec, ...]:
    """The specs that failed when they were last judged, by their address."""
    bad = {"failed", "errors", *(("warned", "xpassed") if strict else ())}
    failed = {address for address, entry in last.items() if bad & set(entry.outcomes)}
    return tuple(spec for spec in specs if spec.address in failed)


def _digest(spec: Spec) -> str:
    return hashlib.sha256(spec.address.encode()).hexdigest()


def _shard(text: str) -> tuple[int, int]:
    """Reads a part: 1/4."""
    found = _SHARD.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise mistake(
            Code.VALUE, f"--shard: got '{text}'; it takes one of N parts: 1/N, 2/N, ... N/N"
        )
    return int(found[1]), int(found[2])
