"""Feed profiles: one YAML file a feed, those shipped and the hospital's own, checked before anything is read."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import ValidationError

from services.admissions.domain.feed import FeedProfile

SHIPPED = Path(__file__).parent / "feeds"
DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MOST_UNLISTED = 1000


class FeedError(ValueError):
    """A feed profile cannot be used; the sentence says which file, line and key, and what to do."""


class Feeds:
    """All profiles by name. A profile of the hospital replaces the shipped one of the same name."""

    def __init__(self, profiles: Iterable[FeedProfile]) -> None:
        self._by_name = {profile.feed: profile for profile in profiles}
        if DEFAULT not in self._by_name:
            raise FeedError(f"There is no feed named {DEFAULT}; add {DEFAULT}.yaml to the feed profiles.")
        self._without_profile: dict[str, FeedProfile] = {}
        # The profile that asks for most is asked first, names decide between equals: never the order of files.
        self._matching = sorted(
            (profile for profile in self._by_name.values() if any(_asked(profile))),
            key=lambda profile: (-sum(value is not None for value in _asked(profile)), profile.feed),
        )

    @classmethod
    def load(cls, directory: Path | None = None) -> Self:
        """Read the shipped profiles, then those of `directory`."""
        found = [load_file(path) for path in _files(SHIPPED)]
        if directory is not None:
            if not directory.is_dir():
                raise FeedError(
                    f"{directory} is no directory; point the setting at the folder of feed profiles."
                )
            own = [(path, load_file(path)) for path in _files(directory)]
            _refuse_twins(own)
            found += [profile for _, profile in own]
        return cls(found)

    @property
    def by_name(self) -> Mapping[str, FeedProfile]:
        return self._by_name

    def of(self, topic: str, header: str | None, msh3: str, msh4: str) -> FeedProfile:
        """The feed of one record: the one its `feed` header names, else the one that matches, else `default`.

        A name without a profile is a feed of its own, read as `default` is: two hospitals that number their
        visits alike must not become one because nobody has described them yet.
        """
        if header and (named := self._by_name.get(header) or self._unlisted(header)) is not None:
            return named
        for profile in self._matching:
            if all(
                want is None or want == have
                for want, have in zip(_asked(profile), (topic, msh3, msh4), strict=True)
            ):
                return profile
        return self._by_name[DEFAULT]

    def _unlisted(self, name: str) -> FeedProfile | None:
        known = self._without_profile.get(name)
        # Names come from outside: odd ones, and more of them than there are hospitals, are not taken up.
        if known is None and _NAME.fullmatch(name) and len(self._without_profile) < _MOST_UNLISTED:
            known = self._without_profile[name] = self._by_name[DEFAULT].model_copy(update={"feed": name})
        return known


def _asked(profile: FeedProfile) -> tuple[str | None, str | None, str | None]:
    return profile.match.topic, profile.match.sending_application, profile.match.sending_facility


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.suffix in {".yaml", ".yml"})


def _refuse_twins(own: list[tuple[Path, FeedProfile]]) -> None:
    seen: dict[str, Path] = {}
    for path, profile in own:
        if profile.feed in seen:
            raise FeedError(
                f"{path.name}: the feed {profile.feed} is also in {seen[profile.feed].name}; keep one of them."
            )
        seen[profile.feed] = path


def load_file(path: Path) -> FeedProfile:
    """Read one profile; a fault is one sentence with file, line, key and what to do."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise FeedError(
            f"{path.name} cannot be read as UTF-8 text ({type(error).__name__}); check the file."
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise FeedError(
            f"{path.name}{line}: this is not YAML; check quotes, colons and indentation there."
        ) from error
    if not isinstance(content, dict):
        raise FeedError(
            f"{path.name}: a feed profile is a list of `key: value` lines; begin with `feed: NAME`."
        )
    _check_zone(path, node, content)
    _check_charsets(path, node, content)
    try:
        return FeedProfile.model_validate(content)
    except ValidationError as error:
        raise FeedError(_sentence(path, node, error)) from error


def _sentence(path: Path, node: yaml.Node | None, error: ValidationError) -> str:
    """The first fault in plain words; the rest shows when that one is mended."""
    fault = error.errors()[0]
    keys = [str(part) for part in fault["loc"]]
    name = ".".join(keys) or "the profile"
    line = _line_of(node, keys)
    where = f"{path.name}, line {line}" if line else path.name
    match fault["type"]:
        case "extra_forbidden":
            known = ", ".join(sorted(FeedProfile.model_fields))
            return f"{where}: there is no key {name}; remove it or take one of {known}."
        case "missing":
            return f"{where}: the key {name} is missing; add it."
    return f"{where}: the value of {name} will not do ({fault['msg']}); correct it."


def _line_of(node: yaml.Node | None, keys: list[str]) -> int | None:
    """The line of the deepest of `keys` that the file has."""
    line: int | None = None
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
            node = node.value[int(key)]
        elif isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
            continue
        else:
            return line
        line = node.start_mark.line + 1
    return line


def _check_zone(path: Path, node: yaml.Node | None, content: dict[str, Any]) -> None:
    zone = content.get("zone")
    if zone is None:
        return
    try:
        ZoneInfo(str(zone))
    except (LookupError, ValueError, OSError) as error:
        where = f"{path.name}, line {_line_of(node, ['zone'])}"
        raise FeedError(f"{where}: zone is no IANA time zone; write one such as America/New_York.") from error


def _check_charsets(path: Path, node: yaml.Node | None, content: dict[str, Any]) -> None:
    """Messages are framed and cut by single ASCII bytes, so their codecs must agree with ASCII there."""
    named = [(["fallback_charset"], content.get("fallback_charset"))]
    if isinstance(charsets := content.get("charsets"), dict):
        named += [(["charsets", str(name)], codec) for name, codec in charsets.items()]
    plain = "".join(map(chr, range(0x20, 0x7F)))
    for keys, codec in named:
        if not isinstance(codec, str):
            continue
        try:
            agrees = plain.encode("ascii").decode(codec) == plain
        except (LookupError, ValueError):
            agrees = False
        if not agrees:
            where = f"{path.name}, line {_line_of(node, keys)}: {'.'.join(keys)}"
            raise FeedError(
                f"{where} names no codec of Python's that extends ASCII; write one such as cp1252."
            )
