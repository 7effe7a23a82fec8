"""Reading which member of the generalized gradient a spec demands at kinks."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gradcheck_sym.spec.codes import Code
from gradcheck_sym.spec.parser import closest
from gradcheck_sym.spec.reading import Report, choice
from gradcheck_sym.spec.records import Input
from gradcheck_sym.spec.tokens import quoted
from gradcheck_sym.spec.yaml_nodes import Table, YamlNode

MEMBERS = ("left", "right", "mean", "minimum norm")


def read_kinks(
    report: Report, node: YamlNode, inputs: Sequence[Input], declared: Collection[str]
) -> dict[str, str]:
    """The member that is demanded of each input's gradient; a single word is said of all.

    `declared` are the names of all inputs, those included that could not be read.
    """
    if not isinstance(node, Table):
        name = _member(report, node)
        tracked = [entry.name for entry in inputs if entry.requires_grad]
        return dict.fromkeys(tracked, name) if name is not None else {}
    constant = {entry.name for entry in inputs if not entry.requires_grad}
    found = {}
    for key, value in node.pairs:
        name = _member(report, value)
        if key.text not in declared:
            message = f"{quoted(key.text)} is no input; the inputs are {', '.join(declared)}"
            report.add(Code.UNKNOWN_NAME, key, message, closest(key.text, declared))
        elif key.text in constant:
            report.add(Code.CONFLICT, key, f"{quoted(key.text)} has requires_grad: false")
        elif name is not None:
            found[key.text] = name
    return found


def _member(report: Report, node: YamlNode) -> str | None:
    what = "the member of the slopes at a kink that is demanded"
    return choice(report, node, MEMBERS, Code.BAD_MEMBER, what)
