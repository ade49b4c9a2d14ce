"""A YAML file of the site: read as a whole, with everything that is wrong in it told at once, each with its line."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml
from msgspec import Struct
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Keys: TypeAlias = tuple[Any, ...]
"""The way from the top of a file to a value: keys of mappings, positions in lists."""

Shape = TypeVar("Shape", bound=BaseModel)
Sentence = Callable[[Keys, ErrorDetails], str]
"""What to say of one error of pydantic: it goes on where the key ends."""


class Fault(Struct, frozen=True):
    """What is wrong with a file, where, and what to do: `sentence` goes on where `key` ends."""

    sentence: str
    path: Path | None = None
    line: int | None = None
    key: str = ""

    def __str__(self) -> str:
        file = "" if self.path is None else self.path.name
        where = f"{file}, line {self.line}: " if self.line else f"{file}: " if file else ""
        return f"{where}{self.key}{' ' if self.key else ''}{self.sentence}."


class FileError(ValueError):
    """A file cannot be used; each fault says which file, line and key, and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(map(str, self.faults)))


class Content(Struct, frozen=True):
    """What a file holds, the line in which each value begins, and the keys that stand in it twice."""

    path: Path
    said: Any
    lines: dict[Keys, int]
    doubles: tuple[Fault, ...] = ()

    def fault(self, keys: Keys, sentence: str) -> Fault:
        """A fault of the value at `keys`, or of the nearest one above it that is there."""
        line = next(
            (self.lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in self.lines), None
        )
        return Fault(sentence, self.path, line, dotted(keys))


def read(path: Path, data: bytes) -> Content:
    """Read YAML; raises FileError where it is none."""
    try:
        loader = yaml.SafeLoader(data.decode("utf-8-sig"))
        node = loader.get_single_node()
        said = None if node is None else loader.construct_document(node)
    except UnicodeDecodeError as error:
        raise FileError([Fault("is no UTF-8 text; save it as UTF-8", path)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise FileError(
            [Fault("this is not YAML; check quotes, colons and indentation there", path, line)]
        ) from error
    lines: dict[Keys, int] = {}
    doubles = tuple(_doubles(path, _walk(node, ()), lines))
    return Content(path, said, lines, doubles)


def checked(content: Content, shape: type[Shape], sentence: Sentence, *, whole: str) -> Shape:
    """The content in its shape; raises FileError with all that is wrong. `whole` names the file in a sentence."""
    faults = list(content.doubles)
    found = None
    try:
        found = shape.model_validate(content.said)
    except ValidationError as error:
        faults += [_fault(content, each, sentence, whole) for each in error.errors(include_url=False)]
    if faults or found is None:
        raise FileError(sorted(faults, key=lambda fault: fault.line or 0))
    return found


def dotted(keys: Keys) -> str:
    return ".".join(map(str, keys))


def _walk(
    node: yaml.Node | None, keys: Keys, above: frozenset[int] = frozenset()
) -> Iterator[tuple[Keys, int]]:
    """Every value of a file by its keys, with the line it begins in; what contains itself is left to pydantic."""
    if node is None or id(node) in above:
        return
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            key = _constructed(name)
            yield (*keys, key), name.start_mark.line + 1
            yield from _walk(value, (*keys, key), above)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*keys, number), value.start_mark.line + 1
            yield from _walk(value, (*keys, number), above)


def _constructed(key: yaml.Node) -> Any:
    """What YAML makes of a key: NO is False, 01 is 1."""
    if not isinstance(key, yaml.ScalarNode):
        return key.start_mark.line
    return yaml.SafeLoader("").construct_object(key)


def _doubles(path: Path, found: Iterable[tuple[Keys, int]], lines: dict[Keys, int]) -> Iterator[Fault]:
    """Fill in the lines. YAML takes the last of two equal keys without a word, so that is looked for here."""
    told: set[Keys] = set()
    for keys, line in found:
        if any(keys[:end] in told for end in range(1, len(keys))):
            continue
        if keys in lines:
            told.add(keys)
            sentence = f"stands twice, first in line {lines[keys]}; keep one of them"
            yield Fault(sentence, path, line, dotted(keys))
        else:
            lines[keys] = line


def _fault(content: Content, error: ErrorDetails, sentence: Sentence, whole: str) -> Fault:
    keys: Keys = error["loc"]
    of_key = keys[-1:] == ("[key]",)
    keys = keys[:-1] if of_key else keys
    if error["type"] == "invalid_key" or (of_key and error["type"] == "string_type"):
        said = "holds a word that is no text to YAML, as NO, 012 and dates are none; write it in quotes"
        line = content.fault(keys, said).line
        return Fault(said, content.path, line, dotted(keys[:-1]) or whole)
    return content.fault(keys, sentence(keys, error))
