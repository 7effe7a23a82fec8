"""The page in a real browser: nothing sticks out, nothing complains, nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck_sym.report.html.page import render
from gradcheck_sym.report.words import Style
from gradcheck_sym.run.portrait import portrait
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.verdict.pictures import Outline
from gradcheck_sym.verdict.records import Result, Verdict

pytestmark = pytest.mark.slow

WIDTHS = (1280, 390)
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
WIDER = """
[...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  const scrolls = one.closest('.scroll, .formulas, svg, .skip');
  return !scrolls && box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map(one => one.outerHTML.slice(0, 80))
"""

SPECS = """\
specs:
  - name: a_name_that_is_rather_long_for_a_telephone_and_has_no_blanks_in_it_at_all
    title: A title that goes on and on, so that it needs several lines on a telephone
    inputs:
      x: {shape: [n], domain: "[-3, 3]"}
      w: {value: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]}
    expr: sum(w)*where(x > 0, x/(1 + exp(-x**2))*(1 + erf(x/sqrt(2)))*cos(3*x + 1)*sin(x), x**3)
  - name: program
    inputs: {a: {value: 2}}
    steps:
      - let: {b: a*a, c: detach(a), d: b + c, f: d*a, g: a*b, h: 2*c, i: 3*b, k: 4*d}
      - backward: {of: f + g + h + i + k, retain_graph: true}
      - expect: {a.is_leaf: true, b.is_leaf: false, c.requires_grad: false, d.requires_grad: true}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, results: Sequence[Result]) -> Path:
    """A page with everything that can become too wide."""
    specs, problems = read_source(Source("specs/a.yaml", SPECS))
    assert not problems
    portraits = {spec.address: portrait(spec) for spec in specs}
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(render(results, specs, portraits, Style(0)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(make: Callable[..., Result]) -> list[Result]:
    """Failures with long points, commands and messages, and a table with every dtype."""
    name = "a_name_that_is_rather_long_for_a_telephone_and_has_no_blanks_in_it_at_all"
    outline = Outline("x", True, tuple((k / 9, 1.0 + k, 20.0) for k in range(-27, 28)), 4000)
    long = make(
        spec=f"specs/a.yaml::{name}",
        message="a message that goes on " * 12,
        reproduce=f"python -m gradcheck_sym specs/a.yaml::{name} --point " + "0x1.8p+1," * 60,
        pin="- point: {x: [" + "3.0, " * 40 + "]}",
        outline=outline,
    )
    dtypes = ("float64", "float32", "bfloat16", "float16")
    return [
        *(replace(long, dtype=dtype) for dtype in dtypes),
        *(replace(long, verdict=Verdict.AGREES, dtype=d, check="forward") for d in dtypes),
        replace(long, spec="specs/a.yaml::program", verdict=Verdict.AGREES, check="steps"),
    ]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_or_complains(browser: Any, page: Path, width: int, dark: bool) -> None:
    """On a telephone and on a screen, folded and unfolded: no overflow, no error, no request."""
    browser.show(page, width, dark=dark)
    for script in ("0", OPEN):
        browser.ask(script)
        assert browser.ask(WIDER) == []
        assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.heard("Log.entryAdded", "Runtime.consoleAPICalled") == []
    assert browser.heard("Runtime.exceptionThrown") == []
    requests = browser.heard("Network.requestWillBeSent")
    assert [request["request"]["url"] for request in requests] == [page.as_uri()]


def test_the_theme_follows_the_reader(browser: Any, page: Path) -> None:
    """Dark paper for those who ask for it."""
    grounds = []
    for dark in (False, True):
        browser.show(page, 800, dark=dark)
        grounds.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(14, 18, 22)"]


def test_links_open_what_they_lead_to(browser: Any, page: Path) -> None:
    """A link to a folded spec unfolds it."""
    browser.show(page, 800)
    browser.ask("document.querySelectorAll('details').forEach(one => one.open = false)")
    browser.ask("[...document.querySelectorAll('nav a')].at(-1).click()")
    opened = "document.querySelectorAll('article')[1].querySelector('details').open"
    assert browser.ask(f"new Promise(done => setTimeout(() => done({opened}), 300))", wait=True)


def test_formulas_are_laid_out(browser: Any, page: Path) -> None:
    """The browser knows MathML: a fraction is higher than a letter."""
    browser.show(page, 800)
    height = "document.querySelector('mfrac').getBoundingClientRect().height"
    assert browser.ask(height) > browser.ask(
        "document.querySelector('mi').getBoundingClientRect().height"
    )


def test_no_script_is_run(browser: Any, page: Path, tmp_path: Path) -> None:
    """Even where somebody gets one into the page, its policy keeps it from running."""
    text = page.read_text(encoding="utf-8")
    attacked = tmp_path / "attacked.html"
    attacked.write_text(text.replace("</main>", "</main><script>document.title='x'</script>"))
    browser.show(attacked, 800)
    assert browser.ask("document.title") != "x"


def test_the_page_can_be_printed(browser: Any, page: Path, tmp_path: Path) -> None:
    """As a PDF of a few sheets."""
    browser.show(page, 800)
    browser.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
