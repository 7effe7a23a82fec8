"""Results on disk: complete up to any moment, and believed only where they still hold."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.run import journal
from gradcheck_sym.run.journal import Entry, Journal, entry, past
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

CASE = Case({"x": (0.1, float("nan"))}, (1.0,), (0,), Measured(1.0), 2.0, None, 9.0, 1.0, 0.0)


def judged(name: str, *verdicts: Verdict) -> Entry:
    """A spec with these verdicts."""
    results = [
        Result(f"a.yaml::{name}", "reverse", "x", "float64", verdict, 3, {}, CASE)
        for verdict in verdicts
    ]
    return entry(f"key of {name}", f"a.yaml::{name}", 0.25, results)


FIRST = judged("first", Verdict.AGREES, Verdict.WRONG)
SECOND = judged("second", Verdict.AGREES)
EMPTY = judged("empty")


def kept(folder: Path, *entries: Entry, finished: bool) -> Path:
    """A journal with these specs; the file."""
    made = Journal(folder)
    for each in entries:
        made.keep(each)
    made.close(finished=finished)
    return max((folder / "journal").glob("*.jsonl"))


def test_a_run_that_was_cut_short_is_there(tmp_path: Path) -> None:
    """All that it had finished, equal to the last bit, also a spec without any result."""
    kept(tmp_path, FIRST, SECOND, EMPTY, finished=False)
    found = past(tmp_path)
    assert repr(dict(found.unfinished)) == repr({each.key: each for each in (FIRST, SECOND, EMPTY)})
    assert found.last["a.yaml::first"].outcomes == ("passed", "failed")
    assert found.last["a.yaml::first"].seconds == 0.25


def test_of_a_finished_run_the_outcomes_are_there(tmp_path: Path) -> None:
    """But nothing that a later run could take for its own."""
    path = kept(tmp_path, FIRST, SECOND, finished=True)
    found = past(tmp_path)
    assert not found.unfinished
    assert set(found.last) == {"a.yaml::first", "a.yaml::second"}
    assert b"result" not in path.read_bytes().replace(b'"results"', b"")


def test_whatever_is_cut_off_the_rest_is_there(tmp_path: Path) -> None:
    """A journal that ends after any byte holds the specs whose last line is whole."""
    path = kept(tmp_path / "whole", FIRST, SECOND, finished=False)
    text = path.read_bytes()
    ends = [text.index(b"\n", text.index(b'"a.yaml::first","seconds"')), len(text) - 1]
    for length in range(len(text) + 1):
        path.write_bytes(text[:length])
        found = past(tmp_path / "whole").unfinished
        assert len(found) == sum(length > end for end in ends)
        assert all(repr(found[each.key]) == repr(each) for each in (FIRST, SECOND)[: len(found)])


def test_damage_costs_the_damaged_spec_only(tmp_path: Path) -> None:
    """Any byte of any line may be another: what is read is right, or is not read."""
    path = kept(tmp_path, FIRST, SECOND, finished=False)
    text = path.read_bytes()
    for place in range(0, len(text), 7):
        path.write_bytes(text[:place] + b"\xff" + text[place + 1 :])
        found = past(tmp_path).unfinished
        assert found
        assert all(each.key.startswith("key of ") for each in found.values())


def test_the_last_time_counts(tmp_path: Path) -> None:
    """What a later run finished is judged anew, whatever an earlier one has left."""
    kept(tmp_path, FIRST, SECOND, finished=False)
    later = replace(FIRST, outcomes=("passed",))
    kept(tmp_path, later, finished=True)
    found = past(tmp_path)
    assert set(found.unfinished) == {SECOND.key}
    assert found.last[FIRST.spec].outcomes == ("passed",)


def test_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    """Two at once: neither reads, resumes or removes the journal of the other."""
    one, other = Journal(tmp_path), Journal(tmp_path)
    one.keep(FIRST)
    other.keep(SECOND)
    assert not past(tmp_path).last
    one.close(finished=False)
    assert set(past(tmp_path).unfinished) == {FIRST.key}
    other.close(finished=False)
    assert set(past(tmp_path).unfinished) == {FIRST.key, SECOND.key}


def test_old_journals_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones stay, and those that are being written."""
    monkeypatch.setattr(journal, "_KEPT", 3)
    going_on = Journal(tmp_path)
    for _ in range(5):
        kept(tmp_path, FIRST, finished=True)
    names = sorted(path.name for path in (tmp_path / "journal").iterdir())
    assert len(names) == 4
    going_on.keep(SECOND)
    going_on.close(finished=False)
    assert set(past(tmp_path).unfinished) == {SECOND.key}


def test_a_full_disk_loses_nothing_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is taken back; what found no room is written as soon as there is some."""
    made = Journal(tmp_path)
    made.keep(FIRST)
    write, room = os.write, iter([10])

    def full(file: int, data: bytes) -> int:
        for some in room:
            return write(file, data[:some])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        made.keep(SECOND)
    assert made.problem == "No space left on device"
    (path,) = (tmp_path / "journal").iterdir()
    assert path.read_bytes().endswith(b"\n")
    made.keep(EMPTY)
    assert made.problem == ""
    made.close(finished=False)
    assert set(past(tmp_path).unfinished) == {FIRST.key, SECOND.key, EMPTY.key}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_disk_that_stays_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and raises nothing."""
    opened = os.open

    def full(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        ours = str(path).endswith(".jsonl")
        return opened(
            "/dev/full" if ours else path, os.O_WRONLY if ours else flags, mode, **options
        )

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        made = Journal(tmp_path)
    made.keep(FIRST)
    assert made.problem == "No space left on device"
    made.close(finished=True)
    assert not past(tmp_path).unfinished


def _strange(folder: Path) -> Iterator[Path]:
    """What is no journal of ours, under the name of one."""
    (folder / "0-fifo.jsonl").touch()
    os.unlink(folder / "0-fifo.jsonl")
    os.mkfifo(folder / "0-fifo.jsonl")
    (folder / "1-link.jsonl").symlink_to("/etc/passwd")
    (folder / "2-folder.jsonl").mkdir()
    (folder / "3-noise.jsonl").write_bytes(os.urandom(1000) + b"\n")
    (folder / "4-deep.jsonl").write_bytes(b"[" * 100_000 + b"\n")
    (folder / "5-list.jsonl").write_bytes(b'[1]\n{"spec": 1}\n{"result": 1, "key": []}\nnull\n')
    yield from folder.iterdir()


def test_what_is_no_journal_is_passed_over(tmp_path: Path) -> None:
    """Nothing waits for a pipe, follows a link, or is recursed into."""
    path = kept(tmp_path, FIRST, finished=False)
    assert len(list(_strange(path.parent))) == 7
    reader = threading.Thread(target=past, args=(tmp_path,), daemon=True)
    reader.start()
    reader.join(20)
    assert not reader.is_alive()
    assert set(past(tmp_path).unfinished) == {FIRST.key}


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """Nothing to read is no mistake; nowhere to write is told by whoever asks."""
    (tmp_path / "file").touch()
    assert past(tmp_path / "nothing") == journal.Past()
    assert past(tmp_path / "file") == journal.Past()
    with pytest.raises(OSError, match=r"exists|directory"):
        Journal(tmp_path / "file")
