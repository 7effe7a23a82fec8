"""Random streams by name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gradcheck_sym.sampling.seeds import generator, number


def test_streams_are_told_apart_by_every_label() -> None:
    """Another seed, label, order or grouping of labels is another stream."""
    streams = [
        number(0, "a", "b"),
        number(1, "a", "b"),
        number(0, "b", "a"),
        number(0, "ab"),
        number(0, "a", "b", ""),
        number(0, "a", 1),
        number(0, "a", "1"),
        number(0, "a", {"n": 1}),
        number(0, 'a", "b'),
    ]
    assert len(set(streams)) == len(streams)


def test_order_of_sizes_is_no_label() -> None:
    """Dims name the same stream in whichever order they are held."""
    assert number(3, {"n": 1, "m": 2}) == number(3, {"m": 2, "n": 1})


def test_same_name_same_stream() -> None:
    """A stream is reproduced by its name, and differs from its neighbours'."""
    first = generator(7, "spec", "reverse", {"n": 2}).random(4)
    assert (generator(7, "spec", "reverse", {"n": 2}).random(4) == first).all()
    assert (generator(7, "spec", "forward", {"n": 2}).random(4) != first).all()


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_streams_do_not_depend_on_the_process(hash_seed: str) -> None:
    """Another process with another PYTHONHASHSEED draws the same."""
    code = (
        "from gradcheck_sym.sampling.seeds import number; print(number(1, 'x', {'b': 1, 'a': 2}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(told.stdout) == number(1, "x", {"a": 2, "b": 1})
