"""Independent random streams, each named by what it is for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

Label = str | int | Mapping[str, int]


def number(seed: int, *labels: Label) -> int:
    """An integer of 128 bits that depends on the seed and on every label, and on nothing else.

    SHA-256 of an unambiguous text, so neither the process nor PYTHONHASHSEED plays a part.
    """
    plain = [dict(label) if isinstance(label, Mapping) else label for label in labels]
    text = json.dumps([seed, *plain], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def generator(seed: int, *labels: Label) -> np.random.Generator:
    """The stream of that name: the same for the same seed and labels, else unrelated."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(number(seed, *labels))))
