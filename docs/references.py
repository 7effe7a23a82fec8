"""Pages of reference, written from the tables that the program itself works by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gradcheck_sym.cli import COMMANDS, help_of
from gradcheck_sym.commands.meanings import texts
from gradcheck_sym.spec import keys
from gradcheck_sym.spec.functions import FUNCTIONS, Function
from gradcheck_sym.spec.keys import Key

TABLES = {
    "A spec": keys.SPEC,
    "A file of several specs": keys.FAMILY,
    "An input": keys.INPUT,
    "An example": keys.EXAMPLE,
}


def write(folder: Path) -> None:
    """Write every page of reference, in MyST's Markdown."""
    folder.mkdir(exist_ok=True)
    for name, page in pages().items():
        (folder / f"{name}.md").write_text("\n".join(page) + "\n", encoding="utf-8")


def pages() -> dict[str, Iterator[str]]:
    """The pages, by name, as lines."""
    return {
        "spec": _spec(),
        "functions": _functions(),
        "codes": _codes(),
        "commands": _commands(),
    }


def _spec() -> Iterator[str]:
    yield "# The keys of a spec"
    yield ""
    yield "Every key that a spec file may have; any other is an error with a suggestion."
    yield "`python -m gradcheck_sym schema` prints the same as a JSON Schema, for editors."
    for title, table in TABLES.items():
        yield from ("", f"## {title}", "")
        yield from _table(("key", "takes", "meaning"), map(_key, table))


def _key(key: Key) -> Sequence[str]:
    needed = " Required." if key.required else ""
    apart = (
        f" Not beside {', '.join(f'`{name}`' for name in key.excludes)}." if key.excludes else ""
    )
    return f"`{key.name}`", key.kind, f"{key.doc}{needed}{apart}"


def _functions() -> Iterator[str]:
    yield "# The functions of the language"
    yield ""
    yield "Names and arguments are torch's; what a function means is its textbook mathematics."
    for title, chosen in (
        ("Of each element", [row for row in FUNCTIONS.values() if row.elementwise]),
        ("Of whole arrays", [row for row in FUNCTIONS.values() if not row.elementwise]),
    ):
        yield from ("", f"## {title}", "")
        yield from _table(("function", "meaning", "domain", "kinks"), map(_function, chosen))


def _function(row: Function) -> Sequence[str]:
    domain = "" if row.domain == "real" else f"`{row.domain}`"
    kinks = f"`{row.kinks}`" if row.kinks else ""
    return f"`{row.name}({row.signature})`", row.doc, domain, kinks


def _codes() -> Iterator[str]:
    yield "# Words and codes"
    yield ""
    yield "What `python -m gradcheck_sym explain WORD` says of every verdict, check, diagnosis and"
    yield "error code."
    for title, entries in texts().items():
        yield from ("", f"## {title[0].upper()}{title[1:]}")
        for name, entry in entries.items():
            yield from ("", f"`{name}`", f": **{entry.title}.** {entry.explanation} {entry.remedy}")


def _commands() -> Iterator[str]:
    yield "# The commands"
    for name in COMMANDS:
        yield from ("", f"## {name}", "", "```text", help_of(name).rstrip(), "```")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        cells = [cell.replace("|", r"\|") for cell in row]
        yield f"| {' | '.join(cells)} |"
