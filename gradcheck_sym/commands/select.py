"""Which specs a command line means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os.path import realpath

from gradcheck_sym.commands.keyword import matcher
from gradcheck_sym.commands.usage import Code, did_you_mean, mistake
from gradcheck_sym.errors import SpecError
from gradcheck_sym.spec.records import Spec


def select(
    paths: Sequence[str], keyword: str | None = None, tags: Sequence[str] = ()
) -> tuple[Spec, ...]:
    """The specs of files, folders and FILE::NAME addresses that match -k and --tag, each once.

    In the order of their files' names, whatever the order of the paths: reports are the same.
    Raises SpecError with every mistake of the files, for a name that is in none of them, and for
    a tag that none of them has.
    """
    from gradcheck_sym.spec import files, reader

    matches = (lambda _: True) if keyword is None else matcher(keyword)
    targets = [_target(path) for path in paths]
    specs = reader.read(path for path, _ in targets)
    chosen: set[str] = set()
    for path, name in targets:
        meant = set(map(realpath, files.find_files([path])))
        candidates = [spec for spec in specs if realpath(spec.path) in meant]
        chosen.update(spec.address for spec in _named(candidates, path, name))
    found = sorted((spec for spec in specs if spec.address in chosen), key=_file)
    return tuple(
        spec for spec in _tagged(found, tags) if matches(" ".join((spec.address, *spec.tags)))
    )


def _file(spec: Spec) -> str:
    return spec.path


def _target(path: str) -> tuple[str, str | None]:
    file, separator, name = path.rpartition("::")
    return (file, name) if separator else (path, None)


def _named(candidates: Iterable[Spec], path: str, name: str | None) -> list[Spec]:
    every = list(candidates)
    named = [spec for spec in every if name in (None, spec.name)]
    if name is not None and not named:
        raise _unknown(path, name, every)
    return named


def _unknown(path: str, name: str, specs: Sequence[Spec]) -> SpecError:
    names = [spec.name for spec in specs]
    hint = did_you_mean(name, names) or f"python -m gradcheck_sym list {path} shows what there is"
    return mistake(Code.SELECTION, f"there is no spec '{name}' in {path}", hint)


def _tagged(specs: Sequence[Spec], tags: Sequence[str]) -> Sequence[Spec]:
    """The specs that have one of the tags; all of them where none is asked for."""
    known = sorted({tag for spec in specs for tag in spec.tags})
    for tag in tags:
        if tag not in known:
            hint = did_you_mean(tag, known) or f"there are: {', '.join(known) or 'none'}"
            raise mistake(Code.SELECTION, f"--tag: no spec has the tag '{tag}'", hint)
    return [spec for spec in specs if not tags or set(tags) & set(spec.tags)]
