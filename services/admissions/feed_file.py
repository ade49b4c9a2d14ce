"""One file, one feed profile: read as a whole, with everything that is wrong in it told at once."""

import difflib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from msgspec import Struct
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from services.admissions.domain.feed import WITHOUT_EFFECT, FeedProfile, Match

Keys: TypeAlias = tuple[Any, ...]
"""The way from the top of a file to a value: keys of mappings, positions in lists."""

_WANTS = {
    "string_type": 'wants text; write it in quotes, as in "01"',
    "tuple_type": "wants a list; write it as in [MR, PI]",
    "dict_type": 'wants words with their meanings; write it as in {HOME: "01"}',
    "model_type": "wants keys of its own; write it as in {sending_facility: STANNES}",
    "bool_type": "wants true or false",
    "bool_parsing": "wants true or false",
    "time_delta_type": "wants a duration; write one such as P7D or PT30M",
    "time_delta_parsing": "wants a duration; write one such as P7D or PT30M",
    "greater_than_equal": "may not be negative",
    "too_short": "names none; name at least one",
    "string_too_short": "is empty; write a value or leave the key out",
    "missing": "is missing; add it",
}


class Fault(Struct, frozen=True):
    """What is wrong with a profile, where, and what to do: `sentence` goes on where `key` ends."""

    sentence: str
    path: Path | None = None
    line: int | None = None
    key: str = ""

    def __str__(self) -> str:
        file = "" if self.path is None else self.path.name
        where = f"{file}, line {self.line}: " if self.line else f"{file}: " if file else ""
        return f"{where}{self.key}{' ' if self.key else ''}{self.sentence}."


class FeedError(ValueError):
    """A feed profile cannot be used; each fault says which file, line and key, and what to do."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(map(str, self.faults)))


class Written(Struct, frozen=True):
    """A profile, the file it stands in, and the file's content."""

    profile: FeedProfile
    path: Path
    data: bytes

    @property
    def version(self) -> str:
        """Twelve digits that change with the content."""
        return hashlib.sha256(self.data).hexdigest()[:12]


def load_file(path: Path) -> Written:
    """Read one profile; raises FeedError with all that is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FeedError([Fault(f"cannot be read ({type(error).__name__}); check the file", path)]) from error
    return parse(path, data)


def parse(path: Path, data: bytes) -> Written:
    """The same for bytes that have been read."""
    node, content = _yaml(path, data)
    if not isinstance(content, dict):
        raise FeedError(
            [Fault("a feed profile is a list of `key: value` lines; begin with `feed: NAME`", path)]
        )
    lines: dict[Keys, int] = {}
    faults = list(_doubles(path, _walk(node, ()), lines))
    profile = None
    try:
        profile = FeedProfile.model_validate(content)
    except ValidationError as error:
        faults += [_fault(path, lines, each) for each in error.errors(include_url=False)]
    if faults or profile is None:
        raise FeedError(sorted(faults, key=lambda fault: fault.line or 0))
    return Written(profile, path, data)


def _yaml(path: Path, data: bytes) -> tuple[yaml.Node | None, Any]:
    try:
        loader = yaml.SafeLoader(data.decode("utf-8-sig"))
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except UnicodeDecodeError as error:
        raise FeedError([Fault("is no UTF-8 text; save it as UTF-8", path)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise FeedError(
            [Fault("this is not YAML; check quotes, colons and indentation there", path, line)]
        ) from error


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
    for keys, line in found:
        if keys in lines:
            sentence = f"stands twice, first in line {lines[keys]}; keep one of them"
            yield Fault(sentence, path, line, _dotted(keys))
        else:
            lines[keys] = line


def _fault(path: Path, lines: dict[Keys, int], error: ErrorDetails) -> Fault:
    keys: Keys = error["loc"]
    of_key = keys[-1:] == ("[key]",)
    keys = keys[:-1] if of_key else keys
    line = next((lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in lines), None)
    if of_key or error["type"] == "invalid_key":
        sentence = "holds a word that is no text to YAML, as NO, 012 and dates are none; write it in quotes"
        return Fault(sentence, path, line, _dotted(keys[:-1]) or "the profile")
    return Fault(_sentence(keys, error), path, line, _dotted(keys))


def _sentence(keys: Keys, error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown(str(keys[-1]), Match if len(keys) > 1 else FeedProfile)
    if kind == "literal_error":
        return f"wants {error['ctx']['expected']}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    return _WANTS.get(kind) or f"will not do ({error['msg']}); correct it"


def _unknown(key: str, model: type[FeedProfile | Match]) -> str:
    if (why := WITHOUT_EFFECT.get(key)) is not None:
        return f"has no effect in this version: {why}. Take the key out"
    near = difflib.get_close_matches(key, model.model_fields, n=1)
    if near:
        return f"is no key of a feed profile; write {near[0]} if that is meant"
    return f"is no key here; take it out, or take one of {', '.join(sorted(model.model_fields))}"


def _dotted(keys: Keys) -> str:
    return ".".join(map(str, keys))
