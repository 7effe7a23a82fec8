"""What is built and installed."""

from __future__ import annotations

import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import gradcheck_sym

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the checkout."""
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("dist")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_the_wheel_has_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every module and template is in, with the marker that it is typed; no tests, no specs."""
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("gradcheck_sym/**/*.py")}
    data = {"gradcheck_sym/py.typed", "gradcheck_sym/report/report.schema.json"}
    data |= {str(path.relative_to(ROOT)) for path in ROOT.glob("gradcheck_sym/**/*.j2")}
    assert modules | data <= inside
    assert {name.split("/")[0] for name in inside} == {"gradcheck_sym"}


def test_metadata(wheel: zipfile.ZipFile) -> None:
    """Name, version, license and command are what the documentation says."""
    names = {Path(name).name: name for name in wheel.namelist()}
    metadata = Parser().parsestr(wheel.read(names["METADATA"]).decode())
    assert metadata["Name"] == "gradcheck-sym"
    assert metadata["Version"] == gradcheck_sym.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    commands = wheel.read(names["entry_points.txt"]).decode()
    assert "gradcheck-sym = gradcheck_sym.cli:main" in commands
    assert "[pytest11]\ngradcheck_sym = gradcheck_sym.plugin\n" in commands
    assert "LICENSE" in names


def test_pins_satisfy_the_requirements() -> None:
    """Everything that constraints.txt pins fits what pyproject.toml asks for."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        texts += extra
    wanted = {each.name.lower(): each.specifier for each in map(Requirement, texts)}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    assert pins["torch"]
    for name in pins.keys() & wanted.keys():
        assert wanted[name].contains(pins[name]), name
