"""Who may sign in: `users.yaml` of the configuration folder, checked as a whole, with every fault told at once."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.worklist.access.passwords import check_hash, nobodys
from services.worklist.access.roles import Role, User

FILE = "users.yaml"
NAME = r"^[a-z0-9][a-z0-9._@-]{0,59}$"

Name = Annotated[str, StringConstraints(pattern=NAME)]
Team = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
Keys = tuple[Any, ...]

_WANTS = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not known here; take it out",
    "string_type": "wants text; write it in quotes",
    "dict_type": "wants keys of its own; write one entry a name",
    "model_type": "wants keys of its own, such as roles: [coordinator]",
    "tuple_type": "wants a list; write it as in [coordinator]",
    "too_short": "is empty; name at least one",
    "enum": f"is no role; the roles are {', '.join(Role)}",
    "string_pattern_mismatch": "will not do as a name: write lower case letters, digits, . _ @ and -, at most 60",
}


class UsersError(ValueError):
    """users.yaml cannot be used; each line says where, what is wrong, and what to do."""


def _hash(value: str) -> str:
    check_hash(value)
    return value


class Entry(BaseModel):
    """The roles of a user or of a group, and the teams their list begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    teams: tuple[Team, ...] = ()


class UserEntry(Entry):
    """One who signs in with a password."""

    password: Annotated[str, AfterValidator(_hash)] = Field(repr=False)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    users: Mapping[Name, UserEntry] = {}
    groups: Mapping[str, Entry] = {}


@dataclass(frozen=True, slots=True)
class Users:
    """The users by name, and the groups of an OIDC provider that have a role here.

    nobody  a hash that fits no password, to compare with where there is no such user
    """

    users: Mapping[str, UserEntry] = field(default_factory=dict)
    groups: Mapping[str, Entry] = field(default_factory=dict)
    nobody: str = field(default_factory=lambda: nobodys(None))

    def user(self, name: str) -> User | None:
        entry = self.users.get(name)
        return None if entry is None else User(f"file:{name}", name, frozenset(entry.roles), entry.teams)

    def hash_of(self, name: str) -> str:
        """What to compare a password with; never tells whether there is such a user."""
        entry = self.users.get(name)
        return self.nobody if entry is None else entry.password

    def of_groups(self, subject: str, name: str, groups: frozenset[str]) -> User | None:
        """Somebody whom an OIDC provider says to be in these groups; None where none of them has a role here."""
        entries = [entry for group, entry in self.groups.items() if group in groups]
        roles = frozenset(role for entry in entries for role in entry.roles)
        teams = tuple(dict.fromkeys(team for entry in entries for team in entry.teams))
        return User(subject, name, roles, teams) if roles else None

    def credential(self, name: str) -> str | None:
        """What a session of this user rests on: it ends when password or roles are others, or the user is gone."""
        entry = self.users.get(name)
        if entry is None:
            return None
        return hashlib.sha256(f"{entry.password} {sorted(entry.roles)}".encode()).hexdigest()

    def groups_credential(self, groups: frozenset[str]) -> str:
        """The same for somebody in these groups."""
        said = {group: sorted(entry.roles) for group, entry in self.groups.items() if group in groups}
        return hashlib.sha256(repr(sorted(said.items())).encode()).hexdigest()


def read(folder: Path | None) -> bytes:
    """The file as it stands; nothing where there is none. Raises UsersError where it cannot be read."""
    if folder is None:
        return b""
    try:
        return (folder / FILE).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UsersError(f"{FILE}: cannot be read ({type(error).__name__}); check the file.") from None


def parse(data: bytes) -> Users:
    """Read the text of a users.yaml, or raise UsersError with all that is wrong."""
    if not data.strip():
        return Users()
    lines: dict[Keys, int] = {}
    content, doubles = _yaml(data, lines)
    if not isinstance(content, dict):
        raise UsersError(f"{FILE}: holds no keys; write `users:`, `groups:` or both.")
    faults: list[tuple[int | None, str]] = [
        (line, _say(line, keys, "stands twice; keep one of them")) for keys, line in doubles
    ]
    try:
        found = _File.model_validate({key: {} if value is None else value for key, value in content.items()})
    except ValidationError as error:
        found_wrong = error.errors(include_url=False, include_input=False)
        # A list whose only role is none is not empty as well.
        inner = {each["loc"][:-1] for each in found_wrong}
        faults += [
            _fault(lines, each)
            for each in found_wrong
            if not (each["type"] == "too_short" and each["loc"] in inner)
        ]
    if faults:
        raise UsersError("\n".join(text for _, text in sorted(faults, key=lambda each: each[0] or 0)))
    return Users(found.users, found.groups, nobodys(_usual([each.password for each in found.users.values()])))


def _usual(hashes: list[str]) -> str | None:
    """One of those that cost what most of them cost."""
    costs = Counter(each.rsplit("$", 2)[0] for each in hashes).most_common(1)
    return next((each for each in hashes if each.startswith(costs[0][0])), None) if costs else None


def _yaml(data: bytes, lines: dict[Keys, int]) -> tuple[Any, list[tuple[Keys, int]]]:
    """The content, and what YAML would have let stand twice; fills in the lines."""
    try:
        loader = yaml.SafeLoader(data.decode("utf-8-sig"))
        node = loader.get_single_node()
        doubles = []
        for keys, line in _walk(node, ()):
            if keys in lines:
                doubles.append((keys, line))
            lines.setdefault(keys, line)
        return (None if node is None else loader.construct_document(node)), doubles
    except UnicodeDecodeError:
        raise UsersError(f"{FILE}: is no UTF-8 text; save it as UTF-8.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise UsersError(
            f"{FILE}{where}: this is not YAML; check quotes, colons and indentation there."
        ) from None


def _walk(node: yaml.Node | None, keys: Keys, depth: int = 0) -> Iterator[tuple[Keys, int]]:
    if depth > 4:
        return
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            here = (*keys, str(getattr(name, "value", "")))
            yield here, name.start_mark.line + 1
            yield from _walk(value, here, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*keys, number), value.start_mark.line + 1


def _fault(lines: Mapping[Keys, int], error: Any) -> tuple[int | None, str]:
    keys = tuple(key for key in error["loc"] if key != "[key]")
    line = next((lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in lines), None)
    sentence = _WANTS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    return line, _say(line, keys, sentence)


def _say(line: int | None, keys: Keys, what: str) -> str:
    # Not the password itself, should someone have written it as a key.
    shown = ".".join(str(key) for key in keys[:3])[:100]
    return f"{FILE}{f', line {line}' if line else ''}: {shown}{' ' if shown else ''}{what}."
