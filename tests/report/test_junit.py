"""JUnit XML, read back by an XML parser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.etree import ElementTree as ET

from gradcheck_sym.report import junit
from gradcheck_sym.report.words import Style
from gradcheck_sym.verdict.records import Result, Verdict

Element = ET.Element


def parsed(results: Sequence[Result], strict: bool = False) -> Element:
    """The document; it is ASCII, so that no declared encoding can be wrong."""
    text = junit.render(results, Style(0, strict=strict, seconds=1.5))
    return ET.fromstring(text.encode("ascii"))


def counts(element: Element) -> dict[str, int]:
    """What an element says of its cases."""
    return {key: int(element.get(key, "")) for key in ("tests", "failures", "errors", "skipped")}


def test_a_suite_per_file_and_a_case_per_result(every: Sequence[Result]) -> None:
    """Names, places and counts are those of the results."""
    root = parsed(every)
    assert (root.tag, root.get("time")) == ("testsuites", "1.500")
    assert counts(root) == {"tests": 8, "failures": 2, "errors": 1, "skipped": 2}
    assert [suite.get("name") for suite in root] == ["specs/a.yaml", "specs/b.yaml"]
    assert counts(root[0]) == {"tests": 5, "failures": 2, "errors": 0, "skipped": 1}
    assert counts(root[1]) == {"tests": 3, "failures": 0, "errors": 1, "skipped": 1}
    first = root[0][0]
    assert first.attrib == {
        "classname": "specs.a.gelu",
        "name": "reverse of x in float32",
        "file": "specs/a.yaml",
        "line": "3",
    }
    assert "line" not in root[1][0].attrib


def test_every_case_is_counted_as_its_element_says(every: Sequence[Result]) -> None:
    """The counts of each suite are those that a reader makes; so they are when strict."""
    for strict in (False, True):
        for suite in parsed(every, strict):
            for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                assert len(suite.findall(f"testcase/{tag}")) == counts(suite)[name]
            assert len(suite) == counts(suite)["tests"]


def test_a_failure_is_told_as_on_the_terminal(every: Sequence[Result]) -> None:
    """The message is the gist, the text the whole story."""
    failure = parsed(every)[0][0][0]
    assert failure.attrib == {"type": "wrong", "message": "wrong: 2 times the truth"}
    told = failure.text or ""
    assert "gradient[1]  0.33333333333333331 ± 1e-30" in told
    assert "python -m gradcheck_sym specs/a.yaml::gelu --seed 0" in told


def test_expected_failures_and_skips_are_skipped(every: Sequence[Result]) -> None:
    """Each with its reason; a surprise passes, and says so."""
    root = parsed(every)
    (skipped,) = root[0][4]
    assert skipped.attrib == {"type": "skipped", "message": "skipped: needs a GPU"}
    (expected,) = root[1][1]
    assert expected.get("type") == "xfailed"
    assert (expected.get("message") or "").startswith("wrong, as expected: known")
    (surprise,) = root[1][2]
    assert surprise.tag == "system-out"
    assert "agrees, though expected to fail: known" in (surprise.text or "")


def test_warnings_pass_unless_strict(quiet: Callable[..., Result]) -> None:
    """As in the exit code."""
    results = [
        quiet(Verdict.UNDECIDED, message="too vague"),
        quiet(Verdict.AGREES, expected="known"),
    ]
    assert counts(parsed(results)) == {"tests": 2, "failures": 0, "errors": 0, "skipped": 0}
    assert counts(parsed(results, True)) == {"tests": 2, "failures": 2, "errors": 0, "skipped": 0}
    assert "too vague" in (parsed(results)[0][0][0].text or "")


def test_hostile_texts_are_text(hostile: Result) -> None:
    """The document stays well-formed, and holds only characters that XML allows."""
    root = parsed([hostile])
    (case,) = root[0]
    (failure,) = case
    assert failure.tag == "failure"
    assert "]]></failure><![CDATA[&amp;" in (failure.text or "")
    assert all(line.isprintable() for line in (failure.text or "").splitlines())
    assert "é" in (failure.get("message") or "")


def test_no_results_are_a_document() -> None:
    """An empty run is well-formed, too."""
    assert counts(parsed([])) == {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
