"""The commands, end to end: files in, exit code and report out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from gradcheck_sym import cli
from gradcheck_sym.commands.usage import Exit

RIGHT = """\
specs:
  - name: square
    title: x times x
    tags: [polynomial]
    inputs: {x: {shape: [n], domain: "[-4, 4]"}}
    expr: x*x
  - name: cube
    inputs: {x: {shape: [], domain: "[-4, 4]"}}
    expr: x**3
"""
WRONG = """\
name: doubled
inputs: {x: {shape: [n], domain: "[1, 4]"}}
expr: x*x
use: {doubled: "wrong_kernels:Doubled.apply"}
torch: doubled(x)
"""
KERNELS = """\
import torch

print("imported")

class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x * 4

def interrupted(x):
    raise KeyboardInterrupt
"""
QUICK = ["--points", "10", "--dtype", "float64"]
ALLOWED = [*QUICK, "--allow-import", "wrong_kernels"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with right specs, and a wrong one aside."""
    (tmp_path / "right.yaml").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "doubled.yaml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "wrong_kernels.py").write_text(KERNELS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in the folder: exit code, stdout and stderr, in any locale."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return call


# ---- list and validate


def test_list_shows_addresses_and_titles(run: Run) -> None:
    """An address for each spec, to be copied; prose and tags beside it."""
    code, out, _ = run("list", "right.yaml")
    assert code == Exit.PASSED
    assert out == "right.yaml::square  x times x [polynomial]\nright.yaml::cube\n"
    assert run("list", "right.yaml", "-q")[1] == "right.yaml::square\nright.yaml::cube\n"


def test_folders_are_searched_and_each_spec_comes_once(run: Run) -> None:
    """Overlapping paths do not repeat a spec."""
    _, out, _ = run("list", "-q", "right.yaml::cube", "wrong", "./right.yaml", "wrong/doubled.yaml")
    assert sorted(out.split()) == [
        "right.yaml::cube",
        "right.yaml::square",
        "wrong/doubled.yaml::doubled",
    ]


def test_addresses_and_keywords_select(run: Run) -> None:
    """FILE::NAME takes one spec, -k those whose file, name or tags match."""
    assert run("list", "right.yaml::cube")[1] == "right.yaml::cube\n"
    assert run("list", "right.yaml", "-q", "-k", "polynomial or zzz")[1] == "right.yaml::square\n"


def test_an_unknown_name_gets_a_suggestion(run: Run) -> None:
    """A slip in FILE::NAME is a mistake, not an empty selection."""
    code, _, err = run("list", "right.yaml::sqare")
    assert code == Exit.USAGE
    assert "there is no spec 'sqare' in right.yaml" in err
    assert "did you mean 'square'?" in err


def test_list_as_json(run: Run) -> None:
    """What programs may want to know of each spec."""
    code, out, _ = run("list", "right.yaml", "wrong", "--json")
    assert code == Exit.PASSED
    square, cube, doubled = json.loads(out)["specs"]
    assert square["spec"] == "right.yaml::square"
    assert (square["tags"], square["expr"], square["line"]) == (["polynomial"], "x*x", 2)
    assert (cube["name"], cube["torch"], cube["inputs"]) == ("cube", None, ["x"])
    assert doubled["use"] == {"doubled": "wrong_kernels:Doubled.apply"}


def test_tags_select(run: Run) -> None:
    """--tag takes the specs that have one of the tags; a tag that none has is a slip."""
    assert run("list", "right.yaml", "-q", "--tag", "polynomial")[1] == "right.yaml::square\n"
    code, _, err = run("list", "right.yaml", "--tag", "polynomial", "--tag", "polinomial")
    assert code == Exit.USAGE
    assert "no spec has the tag 'polinomial'" in err
    assert "did you mean 'polynomial'?" in err


def test_validate_counts(run: Run) -> None:
    """Valid files are said to be valid, unless quiet."""
    assert run("validate", "right.yaml") == (0, "valid: 2 specs in 1 file\n", "")
    assert run("validate", "right.yaml", "-q") == (0, "", "")


@pytest.mark.parametrize("command", ["list", "validate", "run"])
def test_mistakes_in_specs_stop_every_command(run: Run, folder: Path, command: str) -> None:
    """All mistakes of all files at once, with their places, on stderr; nothing is run."""
    (folder / "a.yaml").write_text("name: a\ninputs: {x: {shape: []}}\nexpr: x +\n")
    (folder / "b.yaml").write_text("name: b\ninputs: {x: {shape: []}}\nexprr: x\n")
    code, out, err = run(command, "a.yaml", "b.yaml", "right.yaml")
    assert (code, out) == (Exit.USAGE, "")
    assert "a.yaml:3:" in err
    assert "b.yaml:3:1" in err
    assert "nothing was run" in err


@pytest.mark.parametrize("command", ["list", "validate", "run"])
def test_nothing_selected(run: Run, command: str) -> None:
    """A keyword that matches nothing has an exit code of its own."""
    code, out, err = run(command, "right.yaml", "-k", "nothing_of_the_kind")
    assert (code, out, err) == (Exit.NOTHING, "", "nothing selected\n")


def test_schema_is_printed(run: Run) -> None:
    """As JSON, and nothing else."""
    code, out, err = run("schema")
    assert (code, err) == (Exit.PASSED, "")
    assert json.loads(out)["$schema"] == "http://json-schema.org/draft-07/schema#"


# ---- run


def test_run_is_the_default(run: Run) -> None:
    """Right specs pass, with a line each and a summary."""
    code, out, err = run("right.yaml", *QUICK)
    assert (code, err) == (Exit.PASSED, "")
    lines = out.splitlines()
    assert lines[0] == "right.yaml"
    assert lines[1].startswith("  ✓ square")
    assert lines[2].startswith("  ✓ cube")
    assert lines[-1].endswith("in 2 specs, seed 0")
    assert run("run", "right.yaml", *QUICK) == (code, out, err)


def test_a_wrong_backward_fails_with_everything(run: Run) -> None:
    """The report of a failure, and a last line that shows exactly the same point again."""
    code, out, _ = run("wrong", *ALLOWED)
    assert code == Exit.FAILED
    for part in ("wrong/doubled.yaml:1:1", "formula", "derivative", "symbolic", "culprit"):
        assert part in out
    command = next(line for line in out.splitlines() if "--point" in line)
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "gradcheck_sym"]
    code, again, _ = run(*words[3:])
    assert code == Exit.FAILED
    first = out.index("smallest")
    smallest = out[first:].splitlines()[1]
    assert smallest in again


def test_only_what_is_asked_for_is_checked(run: Run) -> None:
    """--checks and --dtype narrow the results."""
    _, out, _ = run(
        "right.yaml::cube", "--points", "10", "--checks", "reverse", "--dtype", "float32,float64",
        "--format", "json",
    )  # fmt: skip
    results = json.loads(out)["results"]
    assert {entry["check"] for entry in results} == {"reverse"}
    assert {entry["dtype"] for entry in results} == {"float32", "float64"}


def test_json_is_the_same_each_time_and_replaces_its_file(run: Run, folder: Path) -> None:
    """The same seed gives the same bytes, on stdout and in a file."""
    target = folder / "report.json"
    target.write_text("old", encoding="utf-8")
    _, out, _ = run("right.yaml", *QUICK, "--format", "json")
    code, summary, _ = run("right.yaml", *QUICK, "--format", "json", "--output", str(target))
    assert code == Exit.PASSED
    assert target.read_text(encoding="utf-8") == out
    assert summary.endswith("in 2 specs, seed 0\n")
    assert json.loads(out)["summary"]["failed"] == 0
    assert [path.name for path in folder.glob("*report*")] == ["report.json"]
    assert target.stat().st_mode & 0o777 == (folder / "right.yaml").stat().st_mode & 0o777


def test_another_seed_is_another_run(run: Run) -> None:
    """The seed is used and reported."""
    _, out, _ = run("right.yaml", *QUICK, "--format", "json", "--seed", "7")
    assert json.loads(out)["seed"] == 7


def test_text_goes_to_a_file_in_full(run: Run, folder: Path) -> None:
    """A file gets every sign, whatever the terminal can show."""
    code, out, _ = run("right.yaml", *QUICK, "--output", "report.txt", "-q")
    assert (code, out) == (Exit.PASSED, "")
    assert run("right.yaml", *QUICK, "--output", "report.txt")[0] == Exit.PASSED
    assert "✓ square" in (folder / "report.txt").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_saved_after_all_is_not_lost(run: Run) -> None:
    """The results of a long run still reach stdout, and the exit code tells."""
    code, out, err = run("right.yaml", *QUICK, "--output", "x" * 300)
    assert code == Exit.USAGE
    assert "✓ square" in out
    assert "--output: cannot write xxx" in err


def test_what_an_implementation_prints_stays_out_of_the_report(run: Run) -> None:
    """JSON on stdout is JSON and nothing else."""
    code, out, _ = run("wrong", *ALLOWED, "--format", "json")
    assert code == Exit.FAILED
    assert json.loads(out)["summary"]["failed"] > 0


def test_imports_need_permission(run: Run, folder: Path) -> None:
    """Without --allow-import the author's code is not executed, and that does not pass."""
    (folder / "wrong_kernels.py").write_text("open('executed', 'w')\n", encoding="utf-8")
    code, out, err = run("wrong", *QUICK)
    assert code in (Exit.FAILED, Exit.USAGE)
    assert "--allow-import" in out + err
    assert not (folder / "executed").exists()


def test_stop_at_the_first_failure(run: Run, folder: Path) -> None:
    """-x leaves out what comes after the first spec that fails."""
    (folder / "wrong" / "later.yaml").write_text(WRONG.replace("name: doubled", "name: later"))
    assert "later" in run("wrong", *ALLOWED)[1]
    assert "later" not in run("wrong", "-x", *ALLOWED)[1]


def test_strict_turns_warnings_into_failures(run: Run, folder: Path) -> None:
    """A failure that was expected and does not come warns, and fails under --strict."""
    (folder / "surprise.yaml").write_text(
        "name: surprise\ninputs: {x: {shape: []}}\nexpr: 2*x\nxfail: {reverse: a known bug}\n",
        encoding="utf-8",
    )
    code, out, _ = run("surprise.yaml", *QUICK)
    assert code == Exit.PASSED
    assert "passed that should fail" in out
    assert run("surprise.yaml", *QUICK, "--strict")[0] == Exit.FAILED


def test_an_interrupt_reports_what_there_is(run: Run, folder: Path) -> None:
    """Control-C ends in 130, with the results so far.

    In this process (-j 0), where code under test can stand in for a person at the keyboard.
    """
    (folder / "z.yaml").write_text(
        'name: z\ninputs: {x: {shape: []}}\nexpr: x\nuse: {f: "wrong_kernels:interrupted"}\n'
        "torch: f(x)\n",
        encoding="utf-8",
    )
    code, out, err = run("right.yaml", "z.yaml", *ALLOWED, "-j", "0")
    assert code == Exit.INTERRUPTED
    assert "✓ square" in out
    assert err.endswith("interrupted: the rest was not judged\n")

    (folder / "report.txt").write_text("old", encoding="utf-8")
    for words in (["--format", "json"], ["--output", "report.txt"]):
        code, out, _ = run("right.yaml", "z.yaml", *ALLOWED, "-j", "0", *words)
        assert (code, out) == (Exit.INTERRUPTED, "")
    assert (folder / "report.txt").read_text(encoding="utf-8") == "old"


def test_a_point_is_judged_exactly(run: Run) -> None:
    """--point judges that point and no other; sizes come from its arrays."""
    code, out, _ = run(
        "right.yaml::square", "--dtype", "float64", "--checks", "reverse", "--format", "json",
        "--point", '{"x": ["0x1.8p+1", -2]}', "--cotangent", "[1, 0.5]",
    )  # fmt: skip
    assert code == Exit.PASSED
    (entry,) = json.loads(out)["results"]
    assert entry["worst"] is None or entry["worst"]["point"] == {"x": ["0x1.8p+1", "-0x1p+1"]}
    assert entry["points"] >= 1


@pytest.mark.parametrize(
    "words, message",
    [
        (["right.yaml", "--point", '{"x": 1}'], "--point is for one spec, but 2 are selected"),
        (["right.yaml::cube", "--point", '{"y": 1}'], "cube has no input 'y'"),
        (["right.yaml::cube", "--point", "{}"], "lacks x of cube"),
        (["right.yaml::cube", "--point", '{"x": [1]}'], "x has the shape [1]; its spec says []"),
        (["right.yaml::square", "--point", '{"x": 1}'], "its spec says [n]"),
        (
            ["right.yaml::square", "--point", '{"x": [1, 2]}', "--dims", "n=3"],
            "x has the shape [2]; its spec says [n] with n=3",
        ),
        (
            ["right.yaml::square", "--point", '{"x": [1]}', "--dims", "m=3"],
            "square has no size 'm'",
        ),
        (["right.yaml::cube", "--cotangent", "1"], "describe a --point, which is missing"),
        (["right.yaml::cube", "--output", "."], "cannot write .: it is a folder"),
        (
            ["right.yaml::cube", "--output", "no/such/file"],
            "cannot write no/such/file",
        ),
    ],
)
def test_what_does_not_fit_the_spec_is_refused(run: Run, words: list[str], message: str) -> None:
    """Before anything is run."""
    code, out, err = run(*words)
    assert (code, out) == (Exit.USAGE, "")
    assert message in err
