"""One protocol file: read as a whole, with everything that is wrong in it told at once, each with its line."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec import Struct
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from services.chassis import yaml_file
from services.chassis.yaml_file import Content, Fault, FileError, Keys
from services.transitions.protocols.faults import Wrong
from services.transitions.protocols.layer import LayerFile
from services.transitions.protocols.shape import FasterFile, ProtocolFile

Shape = TypeVar("Shape", bound=BaseModel)
_KEYS = "wants keys of its own; look at how a shipped protocol writes it"
_WHOLE = "is no whole number; write one, such as 2"
_DURATION = "is no duration; write ISO 8601 such as PT72H or PT90M"
_LIST = "is no list; write it in brackets, such as [reached, refused]"
_SAYS = {
    "model_type": _KEYS, "dict_type": _KEYS, "model_attributes_type": _KEYS,
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE,
    "time_delta_parsing": _DURATION, "time_delta_type": _DURATION,
    "time_parsing": 'is no time of day; write it in straight quotes, such as "15:00"',
    "bool_type": "is neither true nor false; write one of them",
    "bool_parsing": "is neither true nor false; write one of them",
    "string_type": "is no text; write it in quotes",
    "tuple_type": _LIST, "frozen_set_type": _LIST,
    "too_short": "names nothing; write at least one",
}  # fmt: skip
_BOUNDS = {"greater_than_equal": ("small", "ge"), "less_than_equal": ("large", "le")}
VERSIONED = "@"


class ProtocolError(FileError):
    """A protocol cannot be used; each fault says which file, line and key, and what to do."""


class Written(Struct, frozen=True):
    """A file that has its shape: a whole protocol, one that changes spans of another, or a layer."""

    said: ProtocolFile | FasterFile | LayerFile
    content: Content

    @property
    def path(self) -> Path:
        return self.content.path

    def faults(self, wrongs: Iterable[Wrong]) -> list[Fault]:
        """The same as faults of this file, by line."""
        found = [self.content.fault(wrong.keys, wrong.sentence) for wrong in wrongs]
        return sorted(found, key=lambda fault: (fault.line or 0, fault.sentence))


def load_file(path: Path) -> Written:
    """Read one file; raises ProtocolError with all that is wrong in its shape."""
    try:
        content = yaml_file.read(path, path.read_bytes())
        if not isinstance(content.said, dict):
            raise ProtocolError([Fault("holds no keys; begin with `name:` and `version:`", path)])
        said = _shaped(content)
    except OSError as error:
        raise ProtocolError(
            [Fault(f"cannot be read ({type(error).__name__}); check the file", path)]
        ) from error
    except FileError as error:
        raise ProtocolError(error.faults) from error
    written = Written(said, content)
    if not isinstance(said, FasterFile):
        name, _, version = path.stem.partition(VERSIONED)
        if said.name != name:
            raise ProtocolError(
                [content.fault(("name",), f"is not that of the file; write {name}, or rename it")]
            )
        if version and str(said.version) != version:
            raise ProtocolError([content.fault(("version",), f"is not that of the file; write {version}")])
    return written


def _shaped(content: Content) -> ProtocolFile | FasterFile | LayerFile:
    if "extends" in content.said:
        return _checked(content, FasterFile)
    return _checked(content, LayerFile) if "for" in content.said else _checked(content, ProtocolFile)


def _checked(content: Content, shape: type[Shape]) -> Shape:
    def sentence(keys: Keys, error: ErrorDetails) -> str:
        return _sentence(keys, error, shape)

    return yaml_file.checked(content, shape, sentence, whole="the file")


def _sentence(keys: Keys, error: ErrorDetails, shape: type[BaseModel]) -> str:
    kind = error["type"]
    if kind == "missing":
        return "is missing; write it"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(keys[-1]), _beside(shape, keys), n=1)
        return f"is not known; write {near[0]} if that is meant" if near else "is not known; remove it"
    if kind == "literal_error":
        return f"wants {error['ctx']['expected']}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "string_pattern_mismatch":
        joint = "hyphens" if "-" in error["ctx"]["pattern"].removeprefix("^[a-z][a-z0-9") else "underscores"
        return f"may hold only small letters, digits and {joint}, and begins with a letter; correct it"
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        return f"is too {word}; write at {'least' if name == 'ge' else 'most'} {error['ctx'][name]}"
    if kind in _SAYS:
        return _SAYS[kind]
    return f"will not do ({error['msg'][:1].lower()}{error['msg'][1:]}); correct it"


def _beside(shape: Any, keys: Keys) -> list[str]:
    """The words that may stand where this key stands, as far as that can be followed."""
    for key in keys[:-1]:
        shape = _inner(shape, key)
    return list(shape.model_fields) if isinstance(shape, type) and issubclass(shape, BaseModel) else []


def _inner(shape: Any, key: Any) -> Any:
    """What stands under a key or a position of this shape; None where that is no shape."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        field = shape.model_fields.get(key)
        return _bare(field.annotation) if field else None
    inside = get_args(shape)
    return _bare(inside[-1] if get_origin(shape) is dict else inside[0]) if inside else None


def _bare(annotation: Any) -> Any:
    """The shape in an annotation, without what validates it and without None."""
    while get_origin(annotation) in {Annotated, UnionType, Union}:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    return annotation
