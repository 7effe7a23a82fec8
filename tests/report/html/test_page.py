"""The page: well-formed, complete, harmless, and readable for everybody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from gradcheck_sym.report.html.page import fragment, render
from gradcheck_sym.report.words import Style
from gradcheck_sym.spec.reader import read_source
from gradcheck_sym.spec.records import Spec
from gradcheck_sym.spec.yaml_nodes import Source
from gradcheck_sym.verdict.pictures import Edge, Graph, Outline, Portrait, Slope, Vertex
from gradcheck_sym.verdict.records import Result, Verdict

Make = Callable[..., Result]

SPECS = """\
specs:
  - name: gelu
    title: x times Phi(x)
    notes: a note
    source: a paper
    tags: [activation, smooth]
    inputs:
      x: {shape: [n], domain: "[-3, 3]"}
      w: {value: [1, 2], requires_grad: false}
    where: x < 2
    let: {z: x/2}
    expr: sum(w)*z*(1 + erf(x))
    torch: F.gelu(x)
  - name: program
    inputs: {a: {value: 2}}
    steps: [{no_grad: [{let: {b: a*a}}]}, {let: {c: a*a}}]
"""
OUTLINE = Outline("x", True, ((-1.0, 0.5, 20.0), (0.5, 300.0, 20.0)), 4000)
GRAPH = Graph((Vertex("a", "a", "2", leaf=True), Vertex("×", "b")), (Edge(0, 1, True),))


@pytest.fixture(scope="module")
def specs() -> Sequence[Spec]:
    """A spec of mathematics and one of steps."""
    found, problems = read_source(Source("specs/a.yaml", SPECS))
    assert not problems
    return found


@pytest.fixture
def portraits(specs: Sequence[Spec]) -> dict[str, Portrait]:
    """What is known of them."""
    expr = specs[0].expr
    assert expr is not None
    tree = expr.tree
    slope = Slope("x", of=tree, by=tree, formula=tree, dims={"n": 2})
    return {
        specs[0].address: Portrait((slope,), kinks={"x": (0.0, *map(float, range(2, 9)))}),
        specs[1].address: Portrait(graph=GRAPH),
    }


def parsed(page: str) -> ET.Element:
    """The page, which is XML as well as HTML."""
    assert page.startswith("<!DOCTYPE html>\n")
    return ET.fromstring(page)


def text_of(element: ET.Element) -> str:
    """All text, with single spaces."""
    return " ".join(" ".join(element.itertext()).split())


def pages(every: Sequence[Result], specs: Sequence[Spec], **style: object) -> ET.Element:
    """A page of many results, of which the first has a picture."""
    results = [replace(every[0], outline=OUTLINE), *every[1:]]
    chosen = Style(**({"seed": 7} | style))  # type: ignore[arg-type]
    return parsed(render(results, specs, {}, chosen))


def links(page: ET.Element) -> Iterator[str]:
    """Where links within the page lead."""
    for link in page.iter("a"):
        target = link.get("href", "")
        assert target.startswith("#")
        yield target[1:]


# ---- what is there


def test_every_result_is_there(every: Sequence[Result], specs: Sequence[Spec]) -> None:
    """A cell for each, with its verdict in words and a sign."""
    page = pages(every, specs)
    cells = [text_of(cell) for cell in page.iter("td")]
    verdicts = Counter(str(result.verdict) for result in every)
    for verdict, number in verdicts.items():
        assert sum(bool(re.match(rf"[✓✗!–] ?{verdict}", cell)) for cell in cells) == number
    heads = {text_of(head) for head in page.iter("th")}
    assert {result.check for result in every} | {result.dtype for result in every} <= heads


def test_the_overview_comes_first(every: Sequence[Result], specs: Sequence[Spec]) -> None:
    """Counts, then failures, then all specs; the title says how it came out."""
    page = pages(every, specs)
    assert page.findtext("head/title") == "✗ failed · gradcheck_sym"
    counts = [text_of(item) for item in page.iterfind(".//header/ul/li")]
    assert counts == [
        "✗ 2 failed",
        "✗ 1 with errors",
        "! 1 passed that should fail",
        "! 1 warned",
        "✓ 1 failed as expected",
        "✓ 2 passed",
    ]
    first = page.find(".//nav/ul/li")
    assert first is not None
    assert text_of(first).startswith("✗ gelu wrong 2 times the truth; 6e+15 ulp")
    body = text_of(page)
    assert body.index("Failures") < body.index("Warnings") < body.index("All specs")


@pytest.mark.parametrize(
    "outcome, strict, title",
    [
        (Verdict.AGREES, False, "✓ passed"),
        (Verdict.INACCURATE, False, "! warnings"),
        (Verdict.INACCURATE, True, "✗ failed"),
        (Verdict.ERROR, False, "✗ failed"),
        (Verdict.SKIPPED, False, "nothing checked"),
    ],
)
def test_the_title_is_the_worst_verdict(
    make: Make, outcome: Verdict, strict: bool, title: str
) -> None:
    """Also where warnings fail, and where nothing was looked at."""
    page = parsed(render([make(verdict=outcome)], [], {}, Style(0, strict=strict)))
    assert page.findtext("head/title") == f"{title} · gradcheck_sym"


def test_a_page_of_nothing(make: Make) -> None:
    """No result is no error."""
    assert "Nothing was checked" in text_of(parsed(render([], [], {}, Style(0))))


def test_passing_specs_are_folded(make: Make, quiet: Make) -> None:
    """Failures and warnings are open; so is everything where there is little."""
    good = [quiet(Verdict.AGREES, spec=f"specs/a.yaml::f{k}") for k in range(4)]
    page = parsed(render([*good, make()], [], {}, Style(0)))
    opened = {
        article.get("aria-label"): article.find("details").get("open") is not None  # type: ignore[union-attr]
        for article in page.iter("article")
    }
    assert opened == {"f0": False, "f1": False, "f2": False, "f3": False, "gelu": True}
    page = parsed(render(good[:1], [], {}, Style(0)))
    assert page.find(".//article/details").get("open") is not None  # type: ignore[union-attr]


def test_a_failure_is_told_in_full(make: Make, specs: Sequence[Spec]) -> None:
    """Verdict, culprit, diagnosis, both points, three witnesses, picture, ways back."""
    failed = make(
        outline=OUTLINE,
        id="3f9a1c7e02",
        pin="- point: {x: 3.0}",
        smallest=replace(make().smallest, error_ulp=5.0, setting="x transposed"),  # type: ignore[type-var]
    )
    page = parsed(render([failed], specs, {}, Style(0)))
    section = page.find(".//section[@class='failure']")
    assert section is not None
    told = text_of(section)
    wanted = [
        "✗ reverse of x in float32: wrong",
        "autograd claims twice the slope",
        "culprit the backward",
        "diagnosis 2 times the truth",
        "smallest point, run with x transposed",
        "x 3 (0x1.8p+1)",
        "w [0.10000000000000001, -2] (0x1.999999999999ap-4, -0x1p+1)",
        "cotangent [1.5] (0x1.8p+0)",
        "gradient[1], symbolic 0.33333333333333331 ± 1e-30",
        "gradient[1], autograd 0.66666666666666663",
        "gradient[1], numerical 0.33333299999999999 ± 1e-07",
        "error 5 ulp",
        "worst point",
        "error 6e+15 ulp, 0.333 absolute; allowed 2e-16 absolute",
        "Errors of reverse of x in float32",
        "- point: {x: 3.0}",
        "To see exactly this again (ID 3f9a1c7e02):",
        "python -m gradcheck_sym specs/a.yaml::gelu --seed 0",
    ]
    places = [told.index(part) for part in wanted]
    assert places == sorted(places)


def test_many_failures_are_folded(make: Make) -> None:
    """Three are open, the others are counted and a click away."""
    page = parsed(render([make(input=f"x{k}") for k in range(5)], [], {}, Style(0)))
    assert len(list(page.iterfind(".//section[@class='failure']"))) == 5
    folded = page.find(".//article//details//details")
    assert folded is not None
    assert text_of(folded).startswith("2 more")


def test_a_spec_is_introduced(
    make: Make, specs: Sequence[Spec], portraits: dict[str, Portrait]
) -> None:
    """Formula, derivative, what is under test, prose, inputs with domains and kinks."""
    page = parsed(render([make(verdict=Verdict.AGREES)], specs, portraits, Style(0)))
    formulas = [math.get("alttext") for math in page.iter("math")]
    assert formulas[0] == "z = x/2; f = sum(w)*z*(1 + erf(x))"
    assert formulas[1] is not None
    assert formulas[1].startswith("d sum(w)*z*(1 + erf(x)) / d ")
    assert formulas[2] == "x < 2"
    told = text_of(page)
    for part in ("x times Phi(x)", "F.gelu(x)", "a note", "a paper", "activation, smooth"):
        assert part in told
    assert "Derivatives of single elements, at n = 2." in told
    assert "specs/a.yaml:2:5" in told
    assert "x [n] [-3, 3] yes 0, 2, 3, 4, 5, 6, …" in told
    assert "w [2] = [1, 2] no none" in told


def test_what_is_not_known_is_not_listed(make: Make, specs: Sequence[Spec]) -> None:
    """A column of nothing says nothing; without an implementation it is the mathematics itself."""
    plain = replace(specs[0], torch=None)
    told = text_of(parsed(render([make()], [plain], {}, Style(0))))
    assert "x [n] [-3, 3] yes w [2]" in told
    assert "the same mathematics, in torch's functions" in told


def test_derivatives_too_long_are_named(make: Make, specs: Sequence[Spec]) -> None:
    """Silence would look like an oversight."""
    page = parsed(render([make()], specs, {}, Style(0)))
    assert "By x: too long to show." in text_of(page)


def test_programs_are_shown(
    make: Make, specs: Sequence[Spec], portraits: dict[str, Portrait]
) -> None:
    """The steps as a list, and as a graph."""
    result = make(spec="specs/a.yaml::program", check="steps", input=None, verdict=Verdict.AGREES)
    page = parsed(render([result], specs, portraits, Style(0)))
    steps = page.find(".//ol[@class='steps']")
    assert steps is not None
    assert text_of(steps) == "with no_grad: b = a*a c = a*a"
    graph = page.find(".//figure[@class='graph']")
    assert graph is not None
    assert "a = 2" in text_of(graph)


def test_members_and_reasons_are_remarked(make: Make, quiet: Make) -> None:
    """What is said of results that pass: once for all that it is said of."""
    said = "at kinks autograd gives the left slope 0"
    results = [
        quiet(Verdict.SUBGRADIENT, message=said),
        quiet(Verdict.SUBGRADIENT, message=said, dtype="float64"),
        make(expected="torch's issue", check="vmap"),
    ]
    told = text_of(parsed(render(results, [], {}, Style(0))))
    assert f"reverse of x in float32, reverse of x in float64: {said}" in told
    assert "vmap of x in float32: torch's issue" in told


def test_the_same_results_give_the_same_page(
    every: Sequence[Result], specs: Sequence[Spec], portraits: dict[str, Portrait]
) -> None:
    """Nothing is random, nothing is of today."""
    one, other = (render(every, specs, portraits, Style(3)) for _ in range(2))
    assert one == other


# ---- harmless


def test_foreign_text_is_harmless(hostile: Result, make: Make, specs: Sequence[Spec]) -> None:
    """Whatever a spec or an implementation says becomes text, and can be seen."""
    told = hostile.message
    spec = replace(
        specs[0],
        path=hostile.spec.rpartition("::")[0],
        name=f"f{told}",
        title=told,
        notes=told,
        source=told,
        tags=(told,),
        use=((told, told),),
        inputs=tuple(replace(entry, name=f"{entry.name}{told}") for entry in specs[0].inputs),
    )
    results = [
        replace(hostile, spec=spec.address, id=told, outline=replace(OUTLINE, input=told)),
        replace(hostile, spec=spec.address, check=told, verdict=Verdict.AGREES, dtype=told),
        replace(hostile, spec=spec.address, expected=told),
    ]
    graph = Graph((Vertex(told, told, told, told, roots=(told,)),), ())
    portrait = Portrait(kinks={f"x{told}": (1.0,)}, graph=graph)
    page = render(results, [spec], {spec.address: portrait}, Style(0))
    tree = parsed(page)
    assert not list(tree.iter("script"))
    assert not [element for element in tree.iter() if element.tag == "failure"]
    ours = set("\n\u00a0\u2061\u2062")  # ends of lines, spaces, and what mathematics does not show
    assert all(character in ours or character.isprintable() for character in page)
    assert r"\u202e" in text_of(tree)
    assert "]]></failure><![CDATA[&amp;" in text_of(tree)
    names = {name for element in tree.iter() for name in element.attrib}
    assert not [name for name in names if name.startswith("on")]


def test_the_page_loads_and_runs_nothing(every: Sequence[Result], specs: Sequence[Spec]) -> None:
    """No script, no address, and a policy that forbids both."""
    page = pages(every, specs)
    assert not list(page.iter("script"))
    for element in page.iter():
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert element.get(name, "#").startswith(("#", "data:,"))
    style = page.findtext("head/style") or ""
    assert "url(" not in style
    assert "@import" not in style
    policy = page.find("head/meta[@http-equiv='Content-Security-Policy']")
    assert policy is not None
    assert policy.get("content", "").startswith("default-src 'none';")


# ---- readable for everybody


def test_links_and_labels_lead_somewhere(
    every: Sequence[Result], specs: Sequence[Spec], portraits: dict[str, Portrait]
) -> None:
    """Every reference to a part of the page has one such part."""
    results = [replace(result, outline=OUTLINE) for result in every]
    page = parsed(render(results, specs, portraits, Style(0)))
    anchors = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(anchors) == len(set(anchors))
    assert set(links(page)) <= set(anchors)
    for element in page.iter():
        assert set(element.get("aria-labelledby", "").split()) <= set(anchors)


def test_pictures_have_words(
    make: Make, specs: Sequence[Spec], portraits: dict[str, Portrait]
) -> None:
    """A picture has a name and a description, or is hidden from those who listen."""
    program = make(spec="specs/a.yaml::program", check="steps", outline=OUTLINE)
    page = parsed(render([make(outline=OUTLINE), program], specs, portraits, Style(0)))
    pictures = list(page.iter("svg"))
    assert sum(picture.get("role") == "img" for picture in pictures) == 3
    parts = [part for picture in pictures for part in picture.iterfind(".//svg")]
    for picture in pictures:
        if picture.get("aria-hidden") != "true" and picture not in parts:
            assert picture.findtext("title")
            assert picture.findtext("desc")


def test_structure(every: Sequence[Result], specs: Sequence[Spec]) -> None:
    """Landmarks, headings in order, heads of tables that say what they are heads of."""
    page = pages(every, specs)
    assert page.get("lang") == "en"
    assert [len(list(page.iter(tag))) for tag in ("header", "nav", "main", "h1")] == [1, 1, 1, 1]
    levels = [int(e.tag[1]) for e in page.iter() if re.fullmatch("h[1-6]", str(e.tag))]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(head.get("scope") for head in page.iter("th"))
    for table in page.iter("table"):
        assert list(table.iter("th"))


def test_what_scrolls_can_be_reached(every: Sequence[Result], specs: Sequence[Spec]) -> None:
    """With the keyboard, and with a name."""
    for element in pages(every, specs).iter():
        if element.get("class") in ("scroll", "formulas"):
            assert element.get("tabindex") == "0"
            assert element.get("aria-label")


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast(every: Sequence[Result], specs: Sequence[Spec]) -> None:
    """Text stands out from its ground, in light and in dark: 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    style = pages(every, specs).findtext("head/style") or ""
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style.partition("@media")[0]))
    dark = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style.partition("dark)")[2][:600]))
    assert light.keys() == dark.keys()
    for theme in (light, dark):
        for ground in ("paper", "card"):
            for ink in ("ink", "soft", "good", "warn", "bad", "link"):
                pair = sorted(_luminance(theme[name]) for name in (ground, ink))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (ground, ink)


# ---- a part of another page


def test_a_fragment_stays_within_itself(
    make: Make, specs: Sequence[Spec], portraits: dict[str, Portrait]
) -> None:
    """The styles of a notebook are not touched: every rule is about the fragment's own class."""
    text = fragment([make(outline=OUTLINE)], specs[0], portraits[specs[0].address], Style(0))
    part = ET.fromstring(f"<div>{text}</div>")
    style = part.findtext("style") or ""
    plain = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    depth, selectors, selector = 0, [], ""
    for character in plain:
        if character in "{}":
            if character == "{" and depth == 0:
                selectors.append(selector.strip())
            depth += 1 if character == "{" else -1
            selector = ""
        else:
            selector += character
    assert depth == 0
    assert all(".gc" in each or each.startswith("@media") for each in selectors)
    assert not list(part.iter("h1"))
    assert "python -m gradcheck_sym" in text_of(part)
    assert len(list(part.iter("math"))) >= 2
    assert fragment([make()], None, Portrait(), Style(0))
