"""One file, one feed profile: read as a whole, with everything that is wrong in it told at once."""

import difflib
import hashlib
from pathlib import Path

from msgspec import Struct
from pydantic_core import ErrorDetails

from services.admissions.domain.feed import FeedProfile, Match
from services.chassis import yaml_file
from services.chassis.yaml_file import Fault, FileError, Keys

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


class FeedError(FileError):
    """A feed profile cannot be used; each fault says which file, line and key, and what to do."""


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
    try:
        content = yaml_file.read(path, data)
        if not isinstance(content.said, dict):
            raise FeedError(
                [Fault("a feed profile is a list of `key: value` lines; begin with `feed: NAME`", path)]
            )
        profile = yaml_file.checked(content, FeedProfile, _sentence, whole="the profile")
    except FileError as error:
        raise FeedError(error.faults) from error
    return Written(profile, path, data)


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
    near = difflib.get_close_matches(key, model.model_fields, n=1)
    if near:
        return f"is no key of a feed profile; write {near[0]} if that is meant"
    return f"is no key here; take it out, or take one of {', '.join(sorted(model.model_fields))}"
