"""JUnit XML, as continuous integration reads it: a suite per file, a case per result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradcheck_sym.report.details import failure
from gradcheck_sym.report.problems import visible
from gradcheck_sym.report.terminal import plain
from gradcheck_sym.report.words import (
    Style,
    address,
    fails,
    gist,
    headline,
    reason,
    ruling,
    subject,
    warns,
)
from gradcheck_sym.verdict.records import Result, Verdict

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def render(results: Sequence[Result], style: Style) -> str:
    """The document, in ASCII: other characters are references, control characters are escaped.

    An expected failure is a skipped case, as in pytest; so is what the spec leaves out.
    """
    from xml.etree.ElementTree import Element, indent, tostring

    root = Element("testsuites", {"name": "gradcheck_sym", "time": f"{style.seconds:.3f}"})
    files: dict[str, list[Result]] = {}
    for result in results:
        files.setdefault(address(result)[0], []).append(result)
    for path, group in files.items():
        root.append(_suite(path, group, style.strict))
    root.attrib |= _counts(results, style.strict)
    indent(root)
    written: str = tostring(root, encoding="us-ascii", xml_declaration=True).decode("ascii")
    return f"{written}\n"


def _suite(path: str, group: Sequence[Result], strict: bool) -> Element:
    from xml.etree.ElementTree import Element

    suite = Element("testsuite", {"name": visible(path)} | _counts(group, strict))
    suite.extend(_case(path, result, strict) for result in group)
    return suite


def _counts(group: Sequence[Result], strict: bool) -> dict[str, str]:
    ways = [_way(result, strict) for result in group]
    counts = {"tests": len(ways), "failures": ways.count("failure")}
    counts |= {"errors": ways.count("error"), "skipped": ways.count("skipped")}
    return {name: str(count) for name, count in counts.items()}


def _way(result: Result, strict: bool) -> str:
    """The element that says how a case came out; nothing for one that passed."""
    if fails(result, strict):
        return "error" if result.outcome == "errors" else "failure"
    if result.outcome == "xfailed" or result.verdict is Verdict.SKIPPED:
        return "skipped"
    return ""


def _case(path: str, result: Result, strict: bool) -> Element:
    from xml.etree.ElementTree import Element, SubElement

    _, name = address(result)
    folders = path.rpartition(".")[0].lstrip("./").replace("/", ".") or path
    attributes = {"classname": f"{folders}.{name}", "name": subject(result), "file": path}
    if result.line:
        attributes["line"] = str(result.line)
    case = Element("testcase", {key: visible(text) for key, text in attributes.items()})
    way = _way(result, strict)
    if way:
        told = SubElement(case, way, {"type": _type(result), "message": _message(result)})
        if way != "skipped":
            told.text = f"\n{plain(failure([result]))}\n"
    elif warns(result):
        SubElement(case, "system-out").text = visible(f"{headline([result])}: {reason(result)}")
    return case


def _type(result: Result) -> str:
    return result.outcome if result.expected else result.verdict.value


def _message(result: Result) -> str:
    if result.verdict is Verdict.SKIPPED:
        return visible(result.message)
    said = gist(result)
    return visible(f"{ruling(result)}{': ' if said else ''}{said}")
