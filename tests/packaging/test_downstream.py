"""The sample of a project of one's own, run by a real tox from a freshly built wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "downstream"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which pip finds our wheel and nothing else, without a network.

    The libraries that the wheel needs are lent from the environment that runs the tests: of
    what the sample installs, only gradcheck-sym itself is in question.
    """
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("downstream")
    next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))
    lent = folder / "lent"
    lent.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith("gradcheck_sym"):
            (lent / entry.name).symlink_to(entry)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("TOX_")}
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_FIND_LINKS": str(folder)}
    return outer | pip | {"PYTHONPATH": str(lent)}


def tox(project: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the sample's tox as its owner would, lending it our libraries, pytest among them.

    What fails does not keep the rest from running, so that one run shows both doors.
    """
    section = "testenv:gradcheck"
    changes = ("pass_env+=PYTHONPATH", "deps=gradcheck-sym", "ignore_errors=true")
    words = [word for change in changes for word in ("-x", f"{section}.{change}")]
    return subprocess.run(
        [sys.executable, "-m", "tox", "run", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_sample_passes_and_a_wrong_backward_fails_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """tox is green on the sample as it stands, and red once its backward lacks a term.

    So is each of its commands: ours, and pytest with the plugin that the wheel installed.
    """
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project, ignore=shutil.ignore_patterns(".tox", "__pycache__"))
    good = tox(project, environment)
    assert good.returncode == 0, good.stdout + good.stderr
    ours, pytests = good.stdout.split("commands[1]>")
    assert "swish  forward, reverse" in ours
    assert "specs/swish.yaml ." in pytests
    assert str(ROOT) not in good.stdout

    kernel = project / "my_kernels.py"
    right = kernel.read_text(encoding="utf-8")
    kernel.write_text(right.replace(" * (1 + x * (1 - gate))", ""), encoding="utf-8")
    settings = project / "pyproject.toml"
    narrowed = settings.read_text(encoding="utf-8").replace("paths", 'checks = "reverse"\npaths', 1)
    settings.write_text(narrowed, encoding="utf-8")  # which both commands heed
    bad = tox(project, environment)
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert "--allow-import my_kernels" in bad.stdout
    ours, pytests = bad.stdout.split("commands[1]>")
    for told in (ours, pytests):
        assert "specs/swish.yaml:1:1: swish: reverse of x in float64: wrong" in told
        assert "dtypes" not in told
    assert "FAILED specs/swish.yaml::swish::reverse" in pytests
