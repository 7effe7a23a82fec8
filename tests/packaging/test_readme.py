"""The README's promises: its commands are those that CI runs, its samples are real files."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.verdict.records import Verdict

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def tox(section: str, key: str) -> str:
    """A setting of tox.ini."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    return parser[section][key]


def test_two_commands() -> None:
    """One block runs the main job, one passes the tests, and both are shell."""
    main_job, tests = blocks("sh")
    for block in (main_job, tests):
        subprocess.run(["bash", "-n", "-c", block], check=True)
    assert main_job.splitlines()[-1] == ".venv/bin/python -m gradcheck_sym specs/"
    assert tests.splitlines()[-1] == ".venv/bin/tox"


def test_ci_runs_the_second_command_as_it_stands() -> None:
    """What a reader copies is what CI checks."""
    assert blocks("sh")[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_tox_runs_the_main_job_as_it_stands() -> None:
    """The first block's last line and tox's specs environment are one command."""
    command = tox("testenv:specs", "commands").replace("{posargs:specs/}", "specs/")
    assert blocks("sh")[0].splitlines()[-1] == f".venv/bin/{command}"


def test_tox_covers_everything_by_default() -> None:
    """All of it, the tests last so that their summary closes the output."""
    assert tox("tox", "env_list") == "lint, type, docs, specs, py"


def test_every_install_is_constrained() -> None:
    """No pip install goes around constraints.txt."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    installs = re.findall(r".*pip install.*", "\n".join([*blocks("sh"), script]))
    assert installs
    assert all("-c constraints.txt" in install for install in installs)
    assert "-c {tox_root}{/}constraints.txt" in tox("testenv", "install_command")


def test_every_environment_is_described() -> None:
    """tox.ini is the handbook."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    environments = [name for name in parser.sections() if name.startswith("testenv:")]
    assert environments
    assert all(parser[name].get("description") for name in environments)


def test_the_sample_project_is_the_one_that_is_tested() -> None:
    """The blocks about a project of one's own are its files."""
    sample = ROOT / "tests" / "downstream"
    assert blocks("ini") == [(sample / "tox.ini").read_text(encoding="utf-8")]
    assert blocks("toml") == [(sample / "pyproject.toml").read_text(encoding="utf-8")]
    assert (sample / "specs" / "swish.yaml").read_text(encoding="utf-8") in blocks("yaml")


@pytest.mark.parametrize("number", range(2))
def test_its_specs_are_valid(number: int, tmp_path: Path) -> None:
    """Every spec that the README shows reads without a complaint."""
    from gradcheck_sym.spec import reader

    path = tmp_path / "spec.yaml"
    path.write_text(blocks("yaml")[number], encoding="utf-8")
    assert len(reader.read([str(path)])) == 1


def test_all_verdicts_and_exit_codes_are_explained() -> None:
    """A word or number that the program can say stands in the README."""
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == [
        verdict.value for verdict in Verdict
    ]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == list(Exit)


def test_links_lead_somewhere() -> None:
    """Relative links name files of the project."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
