"""A spec written out of Python values: the text that the reader reads, and points to."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

FREE = ("n",)  # the shape of an input for which none is given
_PLAIN_KEY = re.compile(r"[^\W\d]\w*")


def document(keys: Mapping[str, object]) -> str:
    """The YAML of one spec, a line for each key; TypeError for a value that has no YAML."""
    return "".join(f"{_key(key)}: {written(value)}\n" for key, value in keys.items())


def input_keys(name: str, given: object) -> dict[str, object]:
    """The keys of one input: of a domain's text, of a fixed value, or as they are given.

    A value is fixed and needs no gradient; where nothing says otherwise, the shape is [n].
    TypeError for anything else.
    """
    if given is None:
        return {"shape": FREE}
    if isinstance(given, str):
        return {"shape": FREE, "domain": given}
    if isinstance(given, Mapping):
        return dict(given) if {"shape", "value"} & set(given) else {"shape": FREE, **given}
    if isinstance(given, bool) or not _is_number_or_nest(given):
        kind = type(given).__name__
        raise TypeError(f"{name}: a domain such as '[-1, 1]', a number or a mapping; got a {kind}")
    return {"value": given, "requires_grad": False}


def range_text(given: object) -> object:
    """The range of a size: (1, 8) as "1..8", anything else as it is."""
    if isinstance(given, tuple) and len(given) == 2:
        return f"{given[0]}..{given[1]}"
    return given


def written(value: object) -> str:
    """A value in YAML's flow style; arrays by their `tolist`, torch's dtypes by their names."""
    value = _plain(value)
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else json.dumps(str(value))
        case complex():
            sign = "" if str(value.imag).startswith("-") else "+"
            return json.dumps(f"{value.real!r}{sign}{value.imag!r}i")
        case Mapping():
            return (
                f"{{{', '.join(f'{_key(key)}: {written(part)}' for key, part in value.items())}}}"
            )
        case Sequence():
            return f"[{', '.join(map(written, value))}]"
    raise TypeError(
        f"a spec holds numbers, texts, lists and mappings; got a {type(value).__name__}"
    )


def _key(key: object) -> str:
    text = str(key)
    return text if _PLAIN_KEY.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _plain(value: object) -> object:
    """Arrays and tensors as lists; a dtype of torch as its name."""
    if hasattr(value, "tolist"):
        return value.tolist()
    text = str(value)
    is_dtype = type(value).__name__ == "dtype" and text.startswith("torch.")
    return text.removeprefix("torch.") if is_dtype else value


def _is_number_or_nest(value: object) -> bool:
    plain = _plain(value)
    if isinstance(plain, list | tuple):
        return all(map(_is_number_or_nest, plain))
    return isinstance(plain, int | float | complex)
