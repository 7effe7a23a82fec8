"""Hostile spec files that are better made than written: bytes, depths, sizes, and what is no file.

Each family maps what a case is to its content and to what is expected of it: codes with line and
column, as in "S309 2:7, S310 3:1"; of what is no text, the code alone. After "…" any may follow.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

Family = Mapping[str, tuple[str | bytes, str]]

X = "inputs: {x: }\nexpr: "  # what follows begins at 2:7
GOOD = f"{X}x\n"
MEGABYTE = 1_000_000


def encodings() -> Family:
    """Bytes that are not UTF-8, or not text."""
    wide = {
        f"{name}{' with a mark' if mark else ''}": (mark + GOOD.encode(name), expected)
        for name, mark, expected in (
            ("utf-16-le", b"\xff\xfe", "S004 1:1"),
            ("utf-16-be", b"\xfe\xff", "S004 1:1"),
            ("utf-32-le", b"\xff\xfe\0\0", "S004 1:1"),
            ("utf-32-be", b"\0\0\xfe\xff", "S004 1:3"),
            ("utf-16-le", b"", "S005 1:2"),
            ("utf-16-be", b"", "S005 1:1"),
            ("utf-32-le", b"", "S005 1:2"),
            ("utf-32-be", b"", "S005 1:1"),
        )
    }
    within = {  # after "title: é", which is one character in two bytes
        "latin-1": b"\xe9",
        "cp1252 quotes": b"\x93a\x94",
        "shift-jis": b"\x83\x41",
        "koi8-r": b"\xd3\xd0",
        "overlong slash in two bytes": b"\xc0\xaf",
        "overlong slash in three bytes": b"\xe0\x80\xaf",
        "overlong slash in four bytes": b"\xf0\x80\x80\xaf",
        "overlong NUL": b"\xc0\x80",
        "overlong quote": b"\xc1\xa2",
        "a surrogate": b"\xed\xa0\x80",
        "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
        "beyond Unicode": b"\xf4\x90\x80\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80",
        "a continuation alone": b"\x80",
        "cut off": b"\xe2\x82",
    }
    whole = {
        "a pickle": (b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.", "S004 1:1"),
        "a zip": (b"PK\x03\x04\x14\0\0\0\x08\0", "S005 1:3"),
        "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "S004 1:2"),
        "an ELF binary": (b"\x7fELF\x02\x01\x01\0\0\0", "S005 1:1"),
        "UTF-7": (f"{X}+ACoAKg-x".encode(), "S310 2:8"),
        "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD.encode(), "S005 1:1"),
        "a mark within": (f"{X}x\ufeff".encode(), "S005 2:8"),
    }
    broken = {
        name: ("title: é".encode() + part + b"\n", "S004 1:9") for name, part in within.items()
    }
    return {**wide, **broken, **whole}


def unseen() -> Family:
    """Characters that hide themselves or turn the text around, as they are."""
    codes = [0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x0E, 0x1A, 0x1B, 0x7F, 0x80, 0x85, 0x9B, 0x9D]
    codes += [0xAD, 0x200B, 0x200E, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069, 0xE0041]
    raw = {f"U+{code:04X}": (f"title: a{chr(code)}b\n{GOOD}", "S005 1:9") for code in codes}
    lines = {
        "a colour": (f"{X}x # \x1b[31m", "S005 2:11"),
        "the title of the terminal": (f"name: \x1b]0;owned\x07\n{GOOD}", "S005 1:7"),
        "a comment that reads as code": (f"{X}x # \u202e x*2\u2066", "S005 2:11"),
        "NUL after the text": (f"{GOOD}\0", "S005 3:1"),
        "NUL in an expression": (f'{X}"x\\0"', "S307 2:9"),
        "escape in an expression": (f'{X}"x + \\e[31m"', "S307 2:12"),
        "escape in a key": ('"\\e[31mexpr": x\n', "S101 1:1, S103 1:1, S111 1:1"),
        "bell in a key of inputs": ('inputs: {"\\a": }\nexpr: 1\n', "S104 1:10"),
        "a name of nothing": (f"name: \u3164\n{GOOD}", "S104 1:7"),
        "a tag of nothing": (f"tags: [\uffa0]\n{GOOD}", "S104 1:8"),
    }
    return {**raw, **lines}


def look_alikes() -> Family:
    """Characters that look like others, or become others when they are normalized."""
    expressions = {  # the part after the mark is what is complained about
        "Cyrillic a": ("t¦а¦n(x)", "S311", -1),
        "Cyrillic name": ("x + ¦х", "S310", 0),
        "Greek omicron": ("¦cοs(x)", "S311", 0),
        "dotless i": ("¦sın(x)", "S311", 0),
        "fullwidth letters": ("¦ｓｉｎ(x)", "S315", 0),
        "fullwidth exec": ("¦ｅｘｅｃ('import canary')", "S315", 0),
        "bold letters": ("¦𝐬𝐢𝐧(x)", "S315", 0),
        "script import": ("¦__𝓲𝓶𝓹𝓸𝓻𝓽__('canary')", "S315", 0),
        "fullwidth underscores": ("x.¦＿＿class＿＿", "S307", 0),
        "one fullwidth letter": ("x.¦__ｃlass__", "S315", 0),
        "long s": ("¦ſin(x)", "S315", 0),
        "a ligature": ("¦ﬂoor(x)", "S315", 0),
        "the sign of Kelvin": ("¦\u212a", "S315", 0),
        "a superscript": ("¦x²", "S315", 0),
        "an ordinal": ("¦xª", "S315", 0),
        "a Roman numeral": ("¦Ⅷ", "S315", 0),
        "fullwidth digits": ("x + ¦１２", "S315", 0),
        "Arabic digits": ("x + ¦٣", "S315", 0),
        "fullwidth brackets": ("sin¦（x）", "S307", 0),
        "a fullwidth star": ("x¦＊2", "S307", 0),
        "minus": ("x ¦− 1", "S307", 0),
        "a dash": ("x ¦– 1", "S307", 0),
        "times": ("x ¦× 2", "S307", 0),
        "a slash for division": ("x ¦∕ 2", "S307", 0),
        "no-break space": ("x¦\u00a0+ 1", "S307", 0),
        "ideographic space": ("x¦\u3000+ 1", "S307", 0),
        "a joiner in a name": ("x¦\u200dy", "S307", 0),
        "a combining accent": ("x¦\u0301", "S307", 0),
        "a variation selector": ("x¦\ufe0f", "S307", 0),
        "curly quotes": ("einsum(¦“i->”, x)", "S307", 0),
        "a Hangul filler": ("x + ¦\u3164", "S315", 0),
        "a Hangul filler in normal form": ("x + ¦\u1160", "S315", 0),
        "a question mark in Greek": ("x¦\u037e", "S307", 0),
    }
    found: dict[str, tuple[str, str]] = {}
    for name, (marked, code, shift) in expressions.items():
        column = marked.index("¦") + 7 + shift
        found[name] = (X + marked.replace("¦", ""), f"{code} 2:{column}")
    found |= {
        "Cyrillic torch": (f"{GOOD}torch: tоrch.sin(x)", "S316 3:8"),
        "fullwidth torch": (f"{GOOD}torch: ｔorch.load('ran')", "S315 3:8"),
        "a Cyrillic key": (f"{GOOD}tаgs: [a]", "S101 3:1"),
        "a fullwidth input": ("inputs: {ｘ: }\nexpr: 1\n", "S104 1:10"),
        "a variation of an input": ("inputs: {x: , x\ufe0f: }\nexpr: x\n", "S104 1:15"),
        "a decomposed input": ("inputs: {e\u0301: }\nexpr: 1\n", "S104 1:10"),
        "fullwidth let": (f"{GOOD}let: {{ｅxp: x}}", "S104 3:7"),
        "a fullwidth colon": (f"{GOOD}title： x", "S006 3:1"),
        "words with a colon": (f"{GOOD}xfail: {{ｖmap: x}}", "S109 3:9"),
    }
    return found


def depth() -> Family:
    """What nests without end."""
    many = 4_000
    expressions = {
        "brackets": ("(" * many, "S302 2:107"),
        "closed brackets": ("(" * 101 + "x" + ")" * 101, "S302 2:107"),
        "lists": ('"' + "[" * many, "S006 2:7"),
        "signs": (f"'{'-' * many}x'", "S302 2:108"),
        "negations": ("not " * 2_000 + "x", "S302 2:407"),
        "powers": ("**".join("x" * 2_000), "S302 2:7"),
        "products": ("*".join("x" * 2_000), "S302 2:7"),
        "sums": ("+".join("x" * 2_000), "S302 2:7"),
        "properties": ("x" + ".T" * many, "S302 2:7"),
        "attributes": ("x" + ".a" * many, "S302 2:7"),
        "calls": ("sin(" * many + "x" + ")" * many, "S301 2:10007"),
        "calls within length": ("sin(" * 200 + "x" + ")" * 200, "S302 2:410"),
        "indices": (f"'{'x[' * 200}0{']' * 200}'", "S302 2:209"),
        "calls of calls": ("x" + "()" * 2_000, "S302 2:7"),
        "comparisons": ("<".join("x" * 4_000), "S303 2:7"),
        "arguments": (f"stack([{'x,' * 3_000}])", "S303 2:7"),
        "characters": ("x" * 10_001, "S301 2:10007"),
        "a name": ("x" * 9_999, "S315 2:7"),
    }
    nested = "".join(f"{' ' * level}a:\n" for level in range(1_000))
    blocks = "".join(f"{' ' * (2 * level)}- no_grad:\n" for level in range(40))
    return {
        **{name: (X + text, expected) for name, (text, expected) in expressions.items()},
        "a list too long": (f"{X}[{'x, ' * 3_500}]", "S301 2:7"),
        "a list of too many": (f"{X}[{'x, ' * 2_500}]", "S303 2:7"),
        "lists around brackets": (f"{X}{'[' * 20}'{'[' * 95}x{']' * 95}'{']' * 20}", "S302 2:7"),
        "lists around signs": (f"{X}{'[' * 20}'{'-' * 90}x'{']' * 20}", "S302 2:7"),
        "YAML lists": ("[" * MEGABYTE, "S013 1:33"),
        "YAML mappings": ("{" * MEGABYTE, "S013 1:33"),
        "YAML keys of keys": ("{? " * 300_000, "S013 1:97"),
        "YAML items in a line": ("- " * 500_000, "S013 1:65"),
        "YAML questions": ("? " * 500_000, "S013 1:65"),
        "YAML indentation": (nested, "S013 33:33"),
        "steps within steps": (f"inputs: {{x: }}\nsteps:\n{blocks}", "S013 18:33"),
        "values": (f"inputs: {{x: {{value: {'[' * 20}1{']' * 20}}}}}\nexpr: x\n", "S102 1:29"),
    }


def work() -> Family:
    """Files within the limit of size whose reading would take minutes, or much memory."""
    inputs = f"inputs: {{{_flow('n{}: ', 12_000)}}}\n"
    long = f"'[{'x,' * 1_990}]'"
    names = _flow("{{name: a{}}}", 6_000)
    fixed = f"inputs: {{{_flow('n{}: {{value: 1}}', 6_000)}}}\nexpr: 1\n"
    slips = _flow("q{}: 1", 250)
    wordy = f"title: {'a' * 400_000}\n"
    return {
        "repeated keys": ("a: b\n" * 200_000, "S011 2:1, S011 3:1, …"),
        "repeated items": ("- a\n" * 250_000, "S014 50000:3"),
        "anchors": ("- &a 1\n" * 140_000, "S007 1:3, S007 2:3, …"),
        "aliases": ("- *a\n" * 200_000, "S008 1:3, S008 2:3, …"),
        "documents": ("---\n" * 250_000, "S012 2:1"),
        "line breaks": ("\n" * MEGABYTE, "S015 1:1"),
        "a comment": ("#" * MEGABYTE, "S015 1:1"),
        "quotes": ('"' * MEGABYTE, "S006 1:3"),
        "directives": ("%YAML 1.1\n" * 100_000, "S006 2:1"),
        "block scalars": ("|\n" * 500_000, "S006 2:1"),
        "a long title and a slip": (f"{wordy}{wordy}{GOOD}", "S011 2:1"),
        "a long path to slips": (f"inputs:\n  ? {'k' * 900_000}\n  : {{{slips}}}\n", "S104 2:5, …"),
        "unknown names beside thousands": (
            f"{inputs}let: {{{_flow('l{0}: nmae{0}', 250)}}}\nexpr: 1\n",
            "S310 2:11, S310 2:22, …",
        ),
        "lets beside thousands of inputs": (
            f"{inputs}let: {{{_flow('l{}: 1', 10_000)}}}\nexpr: 1\n",
            "S320 2:89804",
        ),
        "examples beside thousands of inputs": (
            f"{fixed}examples: [{_flow('{{point: {{}}}}', 6_000)}]\n",
            "S112 1:10, S112 1:26, …",
        ),
        "steps that bind thousands of names": (
            "".join(["inputs: {x: }\nsteps:\n", *(f"- let: {{a{i}: x}}\n" for i in range(9_900))]),
            "S320 9093:16",
        ),
        "unknown operators": (
            f"specs: [{_flow('{{name: a{}, inputs: {{x: }}, torch: torch.softplsuu(x)}}', 1_000)}]",
            "S316 1:42, S316 1:96, …",
        ),
        "points of a domain": (_domain("{" + "1," * 450_000 + "1}"), "S320 1:22"),
        "pieces of a domain": (_domain("{1}|" * 200_000 + "{1}"), "S320 1:22"),
        "domains": (
            f"inputs: {{{_flow('n{}: {{domain: real}}', 12_000)}}}\nexpr: 1\n",
            "S320 1:163182",
        ),
        "constants": (f"inputs: {{x: {{value: [{'1/3,' * 45_000}]}}}}\nexpr: x\n", "S320 1:30790"),
        "white space in a number": (
            f"inputs: {{x: {{value: '1{' ' * 900_000}+x'}}}}\nexpr: x\n",
            "S320 1:21",
        ),
        "long expressions": (
            f"inputs: {{x: }}\nlet: {{{_flow(f'l{{}}: {long}', 240)}}}\nexpr: x\n",
            "S320 2:99777",
        ),
        "an expression in thousands of specs": (
            f"defaults: {{inputs: {{x: }}, expr: {long}}}\nspecs: [{names}]",
            "S320 1:33",
        ),
        "defaults in thousands of specs": (
            f"defaults: {{tags: [{_flow('t{}', 20_000)}]}}\nspecs: [{names}]",
            "S014 1:11",
        ),
    }


def _flow(item: str, number: int) -> str:
    """So many items of a flow collection, each with its number."""
    return ", ".join(item.format(place) for place in range(number))


def _domain(text: str) -> str:
    return f"inputs: {{x: {{domain: '{text}'}}}}\nexpr: x\n"


def texts() -> Mapping[str, Family]:
    """All families of texts and bytes, by name."""
    made: tuple[Callable[[], Family], ...] = (encodings, unseen, look_alikes, depth, work)
    return {make.__name__: make() for make in made}


def paths(folder: Path) -> Mapping[str, tuple[str, str]]:
    """What is no spec file, made in a folder: what it is -> its path, and the code."""
    folder.mkdir()
    os.mkfifo(folder / "a pipe.yaml")
    _bind_socket(folder, "a socket.yaml")
    links = {
        "a link to itself": "a link to itself.yaml",
        "a link to zeros": "/dev/zero",
        "a link to chance": "/dev/urandom",
        "a link to null": "/dev/null",
        "a link to a pipe": "a pipe.yaml",
        "a link to memory": "/proc/self/mem",
    }
    for name, target in links.items():
        (folder / f"{name}.yaml").symlink_to(target)
    (folder / "a link to nothing.yaml").symlink_to("nowhere")
    (folder / "a link to its folder").symlink_to(".")
    _chain(folder / "a chain of links", 1_500)
    _nest(folder / "a deep folder", 1_900)
    large = {"100 MB": 100 * MEGABYTE, "a byte too many": MEGABYTE + 1, "a terabyte": 10**12}
    for name, size in large.items():
        with open(folder / f"{name}.yaml", "wb") as file:
            file.truncate(size)
    unreadable = ["a pipe", "a socket", *links]
    if os.geteuid():  # the superuser reads everything
        (folder / "a secret.yaml").touch(mode=0)
        unreadable.append("a secret")
    return {
        **{name: (str(folder / f"{name}.yaml"), "S002") for name in unreadable},
        **{name: (str(folder / f"{name}.yaml"), "S003") for name in large},
        "a link to nothing": (str(folder / "a link to nothing.yaml"), "S001"),
        "a chain of links": (str(folder / "a chain of links"), "S002, …"),
        "a deep folder": (str(folder / "a deep folder"), "S310 2:7"),
        "all of them": (str(folder), "S003, …"),
        "a device": ("/dev/zero", "S002"),
        "standard input": ("/dev/stdin", "S002"),
        "nothing": (str(folder / "nothing.yaml"), "S001"),
        "too long": (str(folder / ("x" * 5_000)), "S002"),
        "with NUL": (f"{folder}/a\0b.yaml", "S001"),
        "beyond a file": (str(folder / "100 MB.yaml" / "x.yaml"), "S001"),
    }


def _bind_socket(folder: Path, name: str) -> None:
    at = os.open(folder, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as bound:  # whose path must be short
            bound.bind(f"/proc/self/fd/{at}/{name}")
    finally:
        os.close(at)


def _chain(folder: Path, length: int) -> None:
    """A spec file, and links each to the one before."""
    folder.mkdir()
    (folder / "0.yaml").write_text(GOOD)
    for number in range(1, length):
        (folder / f"{number}.yaml").symlink_to(f"{number - 1}.yaml")


def _nest(folder: Path, levels: int) -> None:
    """A bad spec in a folder in a folder, and so on: deeper than Python's stack."""
    folder.mkdir()
    at = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("a", dir_fd=at)
        inner = os.open("a", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    bad = os.open("bad.yaml", os.O_WRONLY | os.O_CREAT, dir_fd=at)
    os.write(bad, f"{X}y\n".encode())
    os.close(bad)
    os.close(at)
