"""Failing cases have a name, are kept on disk, and are judged again without a search."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands import cases
from gradcheck_sym.commands.pin import pinned
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.run.files import FOLDER
from gradcheck_sym.run.options import Options
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.verdict.records import Case, Measured, Result, Verdict

SPEC = """\
name: doubled
inputs: {x: {shape: [n], domain: "[1, 4]"}, w: {value: 2, requires_grad: false}}
expr: w*x*x
use: {doubled: "replayed_kernels:doubled"}
torch: doubled(x, w)
"""
KERNELS = """\
import torch

class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return w * x * x

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return grad_output * x * 4 * w, None

doubled = Doubled.apply
"""
ALLOW = ["--allow-import", "replayed_kernels"]


def filled(folder: Path) -> Path:
    """A directory with a spec that fails."""
    (folder / "doubled.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "replayed_kernels.py").write_text(KERNELS, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a spec that fails."""
    monkeypatch.chdir(filled(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that spec was run once."""
    folder = filled(tmp_path_factory.mktemp("ran"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        assert run(folder) == Exit.FAILED
    return folder


@pytest.fixture
def failed(ran: Path, folder: Path) -> dict[str, Any]:
    """The result that the run reported, as JSON; its cases are in the working directory."""
    shutil.copytree(ran / FOLDER, folder / FOLDER)
    return report(ran)


def run(folder: Path, *words: str) -> int:
    """Judge the reverse check with few points, and report as JSON."""
    wanted = ["--checks", "reverse", "--points", "20", "--format", "json"]
    return cli.main(["doubled.yaml", *wanted, "--output", str(folder / "report"), *ALLOW, *words])


def replay(folder: Path, *words: str) -> int:
    """Judge a case again, and report as JSON."""
    return cli.main(["replay", *words, "--format", "json", "--output", str(folder / "report")])


def report(folder: Path) -> dict[str, Any]:
    """The only failing result of the last report."""
    results = json.loads((folder / "report").read_text(encoding="utf-8"))["results"]
    (found,) = (result for result in results if result["verdict"] == "wrong")
    return dict(found)


def test_the_same_point_fails_again(folder: Path, failed: dict[str, Any]) -> None:
    """Point, cotangent, check, dtype and error are those of the run, and so is the name."""
    assert replay(folder, failed["id"], *ALLOW) == Exit.FAILED
    again = report(folder)
    assert again["smallest"] == failed["smallest"]
    assert [again[key] for key in ("id", "check", "dtype", "points")] == [
        failed["id"],
        "reverse",
        "float64",
        1,
    ]


def test_the_worst_point_fails_again(folder: Path, failed: dict[str, Any]) -> None:
    """It's the other point that a report shows."""
    assert replay(folder, failed["id"], "--worst", *ALLOW) == Exit.FAILED
    assert report(folder)["worst"] == failed["worst"]


def test_the_name_is_the_same_in_every_run(folder: Path, failed: dict[str, Any]) -> None:
    """The same case has the same name; one file a case."""
    assert run(folder) == Exit.FAILED
    assert report(folder)["id"] == failed["id"]
    assert [path.stem for path in (folder / FOLDER).glob("*.json")] == [failed["id"]]


def test_the_diagnosis_is_that_of_all_points(folder: Path, failed: dict[str, Any]) -> None:
    """One point shows no pattern: what the run had found is told again."""
    path = folder / FOLDER / f"{failed['id']}.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(kept | {"diagnosis": "2 times", "pattern": "constant-ratio"}))
    replay(folder, failed["id"], *ALLOW)
    assert report(folder)["diagnosis"] == "2 times"
    assert report(folder)["pattern"] == "constant-ratio"


def test_a_repaired_case_passes(folder: Path, failed: dict[str, Any]) -> None:
    """After the mistake is mended, the case agrees."""
    repaired = KERNELS.replace("x * 4 * w", "x * 2 * w")
    (folder / "replayed_kernels.py").write_text(repaired, encoding="utf-8")
    assert replay(folder, failed["id"], *ALLOW) == Exit.PASSED


def test_a_file_permits_no_import(
    folder: Path, failed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever can write the folder could run code otherwise: the permission is given anew."""
    assert replay(folder, failed["id"]) == Exit.USAGE
    said = capsys.readouterr().err
    assert f"replay {failed['id']} --allow-import replayed_kernels" in said


def test_without_an_id_the_cases_are_listed(
    folder: Path, failed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, spec, check and verdict, a line each."""
    assert cli.main(["replay"]) == Exit.PASSED
    said = capsys.readouterr().out
    assert f"{failed['id']}  doubled.yaml::doubled: reverse of x in float64: wrong" in said
    assert "1 case in .gradcheck_sym" in said


def test_a_beginning_is_enough(folder: Path, failed: dict[str, Any]) -> None:
    """As with commits, if only one name begins so."""
    assert replay(folder, failed["id"][:6], *ALLOW) == Exit.FAILED


@pytest.mark.parametrize("change", [lambda name: f"{name[:-1]}x", lambda name: "../evil"])
def test_an_unknown_id(
    folder: Path,
    failed: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    change: Callable[[str], str],
) -> None:
    """It's told, with help, and nothing is run."""
    assert replay(folder, change(failed["id"])) == Exit.USAGE
    said = capsys.readouterr().err
    assert "there is no case" in said
    assert "help: " in said


def test_nothing_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a directory without any case."""
    assert cli.main(["replay"]) == Exit.PASSED
    assert "no cases in" in capsys.readouterr().out
    assert replay(folder, "0123456789") == Exit.USAGE


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 2}', '{"schema": 1, "id": 3}'])
def test_a_damaged_file_is_no_case(folder: Path, failed: dict[str, Any], text: str) -> None:
    """What is no case of ours is passed over."""
    (folder / FOLDER / "0123456789.json").write_text(text, encoding="utf-8")
    assert [entry.id for entry in cases.entries()] == [failed["id"]]


def test_a_folder_that_cannot_be_written_stops_nothing(folder: Path) -> None:
    """The run reports as ever, and names no case that could not be found again."""
    (folder / FOLDER).write_text("in the way", encoding="utf-8")
    assert run(folder) == Exit.FAILED
    assert report(folder)["id"] == ""


def test_the_folder_is_not_for_version_control(folder: Path, failed: dict[str, Any]) -> None:
    """It ignores itself, and holds no half-written file."""
    inside = folder / FOLDER
    assert (inside / ".gitignore").read_text(encoding="utf-8") == "*\n"
    kept = {path.name for path in inside.iterdir()}
    assert kept == {".gitignore", "journal", f"{failed['id']}.json"}
    assert stat.S_ISDIR(inside.stat().st_mode)


def test_old_cases_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones are kept."""
    monkeypatch.setattr(cases, "_KEPT", 2)
    folder = tmp_path / "kept"
    for number in range(4):
        case = wrong({"x": float(number)})
        cases.keep([case], Options(), folder)
    assert len(cases.entries(folder)) == 2


# ---- names and pins, without a run


def wrong(point: dict[str, object], cotangent: object = None, **fields: Any) -> Result:
    """A failure at a point, with its ID."""
    case = Case(point, cotangent, (), Measured(1.0), 2.0, None, 1.0, 1.0, 0.0)
    result = Result("a.yaml::b", "reverse", "x", "float64", Verdict.WRONG, smallest=case)
    from dataclasses import replace

    changed = replace(result, **fields)
    return replace(changed, id=cases.identified(changed))


def test_every_part_of_a_case_is_in_its_name() -> None:
    """Spec, check, input, dtype, point and cotangent; -0.0 is not 0.0."""
    cases = [
        wrong({"x": 0.0}),
        wrong({"x": -0.0}),
        wrong({"x": 0.0}, 1.0),
        wrong({"x": 0.0}, check="forward"),
        wrong({"x": 0.0}, input="y"),
        wrong({"x": 0.0}, dtype="float32"),
        wrong({"x": 0.0}, spec="a.yaml::c"),
    ]
    assert len({case.id for case in cases}) == len(cases)
    assert wrong({"x": 0.0}).id == wrong({"x": 0.0}, message="told in another way").id


def test_a_case_reads_back_bit_for_bit(tmp_path: Path) -> None:
    """Infinities, NaN, subnormals and nests of numbers."""
    point = {"x": ((0.1, 5e-324), (float("inf"), -0.0)), "β": float("nan")}
    case = wrong(point, (1.5,))
    cases.keep([case], Options(seed=3, points=7, searches=9, dims={"n": 2}), tmp_path)
    entry = cases.entry_of(case.id, tmp_path)
    assert entry is not None
    assert entry.smallest is not None
    assert repr(entry.smallest.inputs) == repr(point)
    assert (entry.smallest.cotangent, entry.seed) == ((1.5,), 3)
    assert (entry.points, entry.searches) == (7, 9)
    assert entry.dims == {"n": 2}


def spec(text: str) -> Spec:
    """The spec of a text."""
    specs, problems = read_source(Source("a.yaml", text))
    assert not problems, problems
    return specs[0]


INPUTS = {
    "real": ("{x: {shape: [n]}, w: {value: 3}}", "w*x"),
    "complex": ("{x: {shape: [n], dtype: complex}}", "x*x"),
}
POINTS = {
    "real": ((0.1, 5e-324, -1.7976931348623157e308), 3.0),
    "complex": (((0.1, -0.0), (2.0, 1e-300)), None),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_pinned_point_reads_back_bit_for_bit(kind: str) -> None:
    """The line of YAML under `examples` gives the same floats; fixed inputs are left out."""
    inputs, expr = INPUTS[kind]
    text = f"name: b\ninputs: {inputs}\nexpr: {expr}\n"
    value, fixed = POINTS[kind]
    point: dict[str, object] = {"x": value} | ({} if fixed is None else {"w": fixed})
    line = pinned(wrong(point), spec(text))
    (example,) = spec(f"{text}examples:\n  {line}\n").examples
    assert repr(dict(example.point)) == repr({"x": value})


def test_a_point_of_a_derived_function_is_not_pinned() -> None:
    """A spec has no input of that kind."""
    known = spec("name: b\ninputs: {x: {shape: []}}\nexpr: x*x\n")
    assert pinned(wrong({"tangent of x": 1.0}), known) == ""
