"""`new`: a spec begun from an expression or from a torch function."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gradcheck_sym import cli
from gradcheck_sym.autograd.signatures import accepted, signature
from gradcheck_sym.commands.usage import Exit
from gradcheck_sym.spec.reader import read_file
from gradcheck_sym.spec.unparse import unparse


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(path: str) -> dict[str, tuple[tuple[int | str, ...], str]]:
    """The shapes and domains of a spec that has no gaps."""
    from gradcheck_sym.spec.domain import format_domain

    (spec,), problems = read_file(path)
    assert problems == ()
    return {
        entry.name: (entry.shape, "" if entry.domain is None else format_domain(entry.domain))
        for entry in spec.inputs
    }


# ---- from an expression


@pytest.mark.parametrize(
    "expr, expected",
    [
        ("log(1 + exp(x))", {"x": (("n",), "[-10, 10]")}),
        ("sqrt(x)*log(1 - y)", {"x": (("n",), "(0, 10]"), "y": (("n",), "[-10, 1)")}),
        ("asin(x)", {"x": (("n",), "(-1, 1)")}),
        ("log(x - 30)", {"x": (("n",), "(30, 40]")}),
        ("beta*x", {"beta": (("n",), "[-10, 10]"), "x": (("n",), "[-10, 10]")}),
        ("x @ A @ x", {"x": (("n",), "[-10, 10]"), "A": (("n", "n"), "[-10, 10]")}),
        ("det(A)*c", {"A": (("n", "n"), "[-10, 10]"), "c": (("n",), "[-10, 10]")}),
        ("pi*E**2", {"E": (("n",), "[-10, 10]")}),
    ],
)
def test_inputs_shapes_and_domains_are_inferred(
    expr: str, expected: object, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the expression; the file is valid, and says what it is."""
    assert cli.main(["new", "it", expr]) == Exit.PASSED
    out = capsys.readouterr().out
    assert out.startswith("written: it.yaml\nit is valid; ")
    assert inputs("it.yaml") == expected
    (spec,), _ = read_file("it.yaml")
    assert spec.expr is not None
    assert unparse(spec.expr.tree).replace(" ", "") == expr.replace(" ", "")
    assert (folder / "it.yaml").read_text(encoding="utf-8").startswith("# begun by: python -m ")


def test_a_known_name_offers_torch_s_own(folder: Path) -> None:
    """As a comment, that becomes a key without the sign in front."""
    assert cli.main(["new", "softplus", "log(1 + exp(x))"]) == Exit.PASSED
    text = (folder / "softplus.yaml").read_text(encoding="utf-8")
    assert "# torch: F.softplus(x)" in text
    (folder / "softplus.yaml").write_text(text.replace("# torch:", "torch:"), encoding="utf-8")
    (spec,), _ = read_file("softplus.yaml")
    assert spec.torch is not None


def test_mathematics_without_a_shape_leaves_gaps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where none of the shapes tried makes sense."""
    assert cli.main(["new", "it", "x[7, 7, 7]"]) == Exit.PASSED
    assert "2 gaps to fill in, marked <fill in>" in capsys.readouterr().out
    assert cli.main(["validate", "it.yaml"]) == Exit.USAGE
    err = capsys.readouterr().err
    assert "it.yaml:4:14: S113 inputs.x.shape: this is still to be filled in" in err
    assert "S113 inputs.x.domain" in err


# ---- from torch


@pytest.mark.parametrize(
    "source, left, torch",
    [
        ("torch.nn.functional.softplus", {"inputs.x.domain", "expr"}, "beta=beta, threshold="),
        ("F.gelu", {"inputs.x.domain", "expr"}, "F.gelu(x)"),
        ("torch.logsumexp", {"inputs.x.domain", "expr"}, "torch.logsumexp(x, dim=0)"),
        (
            "torch.lerp",
            {"inputs.x.domain", "inputs.end.domain", "inputs.weight.value", "expr"},
            "torch.lerp(x, end, weight=weight)",
        ),
        (
            "F.layer_norm",
            {"inputs.x.shape", "inputs.x.domain", "expr", "torch"},
            "torch: <fill in>",
        ),
        ("torch.tanh", set(), "torch.tanh(x)"),
        ("torch.linalg.det", set(), "torch.linalg.det(A)"),
    ],
)
def test_what_torch_does_not_tell_is_a_gap(
    source: str,
    left: set[str],
    torch: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each is marked in the file, and validate points at exactly these."""
    assert cli.main(["new", "--from", source]) == Exit.PASSED
    name = source.rpartition(".")[2]
    text = (folder / f"{name}.yaml").read_text(encoding="utf-8")
    assert torch in text
    assert text.count("<fill in>") == len(left)
    _, problems = read_file(f"{name}.yaml")
    assert {problem.message.partition(":")[0] for problem in problems} == left
    assert {problem.code for problem in problems} <= {"S113"}
    assert ("it is valid" in capsys.readouterr().out) is (not left)


def test_gaps_can_be_filled_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then the spec holds against torch."""
    assert cli.main(["new", "mine", "--from", "F.softplus"]) == Exit.PASSED
    path = folder / "mine.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("domain: <fill in>", 'domain: "[-9, 9]"', 1)
    text = text.replace("expr: <fill in>", "expr: log(1 + exp(beta*x))/beta + 0*threshold")
    path.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["mine.yaml", "--profile", "quick"]) == Exit.PASSED


def test_shapes_are_found_by_trying() -> None:
    """The same for all tensors first, then mixed; whole numbers with them."""
    for dotted, shapes in (
        ("torch.mv", {"input": ("n", "n"), "vec": ("n",)}),
        ("torch.linalg.det", {"A": ("n", "n")}),
        ("torch.atan2", {"input": ("n",), "other": ("n",)}),
    ):
        found = accepted(dotted, signature(dotted))
        assert found is not None
        assert found.shapes == shapes
    assert accepted("torch.einsum", signature("torch.einsum")) is None


# ---- files and mistakes


def test_no_file_is_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor anything left beside it; the new file has the usual permissions."""
    (folder / "it.yaml").write_text("mine", encoding="utf-8")
    assert cli.main(["new", "it", "x*x"]) == Exit.USAGE
    assert "U106 new: it.yaml exists, and stays as it is" in capsys.readouterr().err
    assert (folder / "it.yaml").read_text(encoding="utf-8") == "mine"
    assert cli.main(["new", "it", "x*x", "--output", "other.yaml", "-q"]) == Exit.PASSED
    assert sorted(path.name for path in folder.iterdir()) == ["it.yaml", "other.yaml"]
    mode = (folder / "it.yaml").stat().st_mode
    assert stat.S_IMODE((folder / "other.yaml").stat().st_mode) == stat.S_IMODE(mode)


@pytest.mark.parametrize(
    "words, message, hint",
    [
        ([], "a name and an expression are needed", "for example"),
        (["f"], "a name and an expression are needed", ""),
        (["f", "exp("], "'(' is never closed", ""),
        (["f", "sofplus(x)"], "unknown function 'sofplus'", "did you mean 'softplus'?"),
        (["f", "3*pi"], "the expression has no inputs", ""),
        (["f", "__import__('os')"], "", ""),
        (["f g", "x"], "a name has letters", ""),
        (["../f", "x"], "a name has letters", ""),
        (["f", "exp*x"], "'exp' is a function of the language", "rename it"),
        (["f", "x", "--output", "no/such/f.yaml"], "cannot write no/such/f.yaml", ""),
        (["f", "x", "--from", "F.gelu"], "a name at most", ""),
        (["--from", "torch.save"], "specs cannot call 'torch.save'", "did you mean"),
        (["--from", "os.system"], "specs cannot call 'os.system'", "torch.nn.functional"),
    ],
)
def test_mistakes_write_nothing(
    words: list[str],
    message: str,
    hint: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, the reason, and no file."""
    assert cli.main(["new", *words]) == Exit.USAGE
    err = capsys.readouterr().err
    assert message in err
    assert hint in err
    assert list(folder.iterdir()) == []
