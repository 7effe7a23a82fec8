"""[tool.gradcheck_sym] in pyproject.toml: what is read, from where, and what is refused."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

import gradcheck_sym
from gradcheck_sym import cli
from gradcheck_sym.commands.configuration import KEYS, configuration
from gradcheck_sym.commands.run import options_of
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.errors import Problem, SpecError
from gradcheck_sym.run.options import PROFILES, Options

HEADER = "[project]\nname = 'x'\n\n[tool.gradcheck_sym]\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settle(folder: Path, text: str, header: str = HEADER) -> None:
    """Write the table."""
    (folder / "pyproject.toml").write_text(header + text, encoding="utf-8")


def refused() -> list[Problem]:
    """What is wrong with the configuration."""
    with pytest.raises(SpecError) as caught:
        configuration()
    return list(caught.value.problems)


def given(*words: str) -> argparse.Namespace:
    """The arguments of `run` for a command line."""
    return cli._parse("run", cli.COMMANDS["run"], words)


# ---- what is read


def test_each_key_reads_as_its_option_does(project: Path) -> None:
    """The same values as on the command line, also where TOML has a type of its own for them."""
    settle(
        project,
        'paths = ["specs", "more/a.yaml"]\nseed = 3\npoints = 20\nsearches = 0\nstrict = true\n'
        'checks = ["reverse", "forward"]\ndtype = "float32,float64"\nprofile = "quick"\n'
        'allow-import = ["a.b", "c"]\nformat = "json"\n',
    )
    assert configuration().values == {
        "paths": ["specs", "more/a.yaml"],
        "seed": 3,
        "points": 20,
        "searches": 0,
        "strict": True,
        "checks": ("reverse", "forward"),
        "dtype": ("float32", "float64"),
        "profile": "quick",
        "allow_import": ["a.b", "c"],
        "format": "json",
    }


def test_every_key_is_an_option_of_run() -> None:
    """The names are the command line's."""
    parser = argparse.ArgumentParser(add_help=False)
    cli.COMMANDS["run"].add_arguments(parser)
    options = {text for action in parser._actions for text in action.option_strings}
    assert {f"--{key}" for key in KEYS if key != "paths"} <= options


@pytest.mark.parametrize(
    "text",
    [
        "[tool.gradcheck_sym]\nseed = 7\n",
        "[tool]\ngradcheck_sym = {seed = 7}\n",
        "tool.gradcheck_sym.seed = 7\n",
        "[tool.'gradcheck_sym']\n'seed' = 7\n",
    ],
)
def test_toml_has_many_ways_to_write_a_table(project: Path, text: str) -> None:
    """All of them are read."""
    settle(project, text, "")
    assert configuration().values == {"seed": 7}


def test_the_nearest_table_upward_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files without the table are passed over; paths are from the folder of the file."""
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    settle(project, 'seed = 1\npaths = ["specs"]\n')
    settle(project / "a", "seed = 2\n", "# gradcheck_sym is not configured here\n[tool.other]\n")
    monkeypatch.chdir(inner)
    assert configuration().values == {"seed": 1, "paths": ["../../specs"]}
    settle(inner, "seed = 3\n")
    assert configuration().values == {"seed": 3}
    assert configuration(project).values["seed"] == 1


def test_no_table_is_no_configuration(project: Path) -> None:
    """Neither is a file that is none of ours, whatever is wrong with it."""
    assert configuration(project).values == {}
    settle(project, "[[[", "")
    assert configuration(project).values == {}


# ---- the command line wins


def test_the_command_line_wins(project: Path) -> None:
    """Over each kind of option; permissions add up."""
    settle(
        project,
        'paths = ["specs"]\nseed = 3\nstrict = true\nchecks = "reverse"\nallow-import = "a"\n',
    )
    settled = given()
    assert (settled.paths, settled.seed, settled.strict) == (["specs"], 3, True)
    assert (settled.checks, settled.allow_import) == (("reverse",), ["a"])
    said = given("x.yaml", "--seed", "4", "--no-strict", "--checks", "vmap", "--allow-import", "b")
    assert (said.paths, said.seed, said.strict) == (["x.yaml"], 4, False)
    assert (said.checks, said.allow_import) == (("vmap",), ["a", "b"])


def test_a_profile_on_the_command_line_wins_over_numbers_in_the_file(project: Path) -> None:
    """It stands for points, searches and checks; beside it, each of them wins over the profile."""
    settle(project, 'points = 7\nchecks = ["vmap"]\nprofile = "quick"\nseed = 5\n')
    settled = options_of(vars(given()))
    assert (settled.points, settled.searches, settled.checks) == (7, 0, ("vmap",))
    said = options_of(vars(given("--profile", "thorough", "--searches", "9")))
    assert (said.points, said.searches, said.seed) == (PROFILES["thorough"].points, 9, 5)
    assert said.checks == PROFILES["thorough"].checks


def test_nothing_said_is_the_default() -> None:
    """The default profile has the defaults of a run."""
    assert options_of({}) == Options()
    assert options_of({"profile": "default"}) == Options()


def test_commands_use_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Paths are for every command that takes some; a bad table stops each, but not --help."""
    (project / "specs").mkdir()
    text = 'inputs: {x: {shape: [], domain: "[1, 2]"}}\nexpr: x*x\n'
    (project / "specs" / "square.yaml").write_text(text, encoding="utf-8")
    settle(project, 'paths = ["specs"]\nprofile = "quick"\npoints = 10\n')
    assert cli.main(["list", "-q"]) == Exit.PASSED
    assert capsys.readouterr().out == "specs/square.yaml::square\n"
    assert cli.main([]) == Exit.PASSED
    out = capsys.readouterr().out
    assert "forward" in out
    assert "second_order" not in out
    settle(project, "pionts = 10\n")
    for words in ([], ["list"], ["validate", "specs"], ["replay"]):
        assert cli.main(words) == Exit.USAGE
        err = capsys.readouterr().err
        assert err.startswith("pyproject.toml:5:1: U108 unknown key 'pionts'")
        assert "did you mean 'points'?" in err
    assert cli.main(["run", "--help"]) == Exit.PASSED


# ---- mistakes


def test_all_mistakes_are_told_with_their_places(project: Path) -> None:
    """The line of each key, also behind values of several lines and comments."""
    settle(
        project,
        "# a comment\npoint = 3\nchecks = [\n  'reverse',\n  'revers',  # a slip\n]\n"
        "points = 0\n\nstrict = 'yes'\nallow-import = ['a', 'b-c']\nseed = {}\nsearches = true\n",
    )
    told = [(p.position.line, p.position.column, p.code) for p in refused() if p.position]
    assert told == [
        (6, 1, "U108"),
        (7, 1, "U109"),
        (11, 1, "U109"),
        (13, 1, "U109"),
        (14, 1, "U109"),
        (15, 1, "U109"),
        (16, 1, "U109"),
    ]
    messages = {problem.message.partition(":")[0] for problem in refused()}
    assert {"points", "strict", "allow-import", "seed", "searches"} < messages


@pytest.mark.parametrize(
    "text, message, hint",
    [
        ("allow_import = 'a'", "unknown key 'allow_import'", "did you mean 'allow-import'?"),
        ("checks = ['revers']", "got 'revers'", "did you mean 'reverse'?"),
        ("paths = [[]]", "got a list; it takes a text", ""),
        ("points = 1.5", "points: got '1.5'; it takes a whole number from 1 on", ""),
        ("strict = 1", "strict: got 1; it takes true or false", ""),
        ("profile = 'fast'", "known are quick, default, thorough", ""),
    ],
)
def test_a_value_that_is_none_is_explained(
    project: Path, text: str, message: str, hint: str
) -> None:
    """What came, what is wanted, and what may have been meant; never with dashes before it."""
    settle(project, text)
    (problem,) = refused()
    assert message in problem.message
    assert not problem.message.startswith("-")
    assert problem.suggestion == hint
    assert problem.source_line == text


@pytest.mark.parametrize(
    "text, place",
    [
        ("seed = \n", (5, 8)),
        ("seed = 1\nseed = 2\n", (6, 9)),
        ("seed = [1,\n", (5, 1)),
    ],
)
def test_what_is_not_toml_is_told_where(project: Path, text: str, place: tuple[int, int]) -> None:
    """A file that speaks of us must be readable."""
    settle(project, text)
    (problem,) = refused()
    assert problem.code == "U107"
    assert problem.position is not None
    assert (problem.position.line, problem.position.column) == place


def test_bytes_that_are_no_text(project: Path) -> None:
    """TOML is UTF-8."""
    (project / "pyproject.toml").write_bytes(b"[tool.gradcheck_sym]\n# \xff\n")
    (problem,) = refused()
    assert (problem.code, problem.path) == ("U107", "pyproject.toml")


def test_reading_it_is_light(project: Path) -> None:
    """Neither torch nor SymPy is loaded for it, nor anything of a run."""
    settle(project, "seed = 1\n")
    script = (
        "from gradcheck_sym.commands.configuration import configuration\n"
        "assert configuration().values == {'seed': 1}\n"
        "import sys\n"
        "print([name for name in ('torch', 'sympy', 'numpy', 'rich', 'yaml', 'hypothesis') "
        "if name in sys.modules])\n"
    )
    root = str(Path(gradcheck_sym.__file__).parents[1])
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{script}"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
