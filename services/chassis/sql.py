"""Named SQL statements from a package's queries.sql: `-- name: x`, a sentence, one statement."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: *(?P<name>\S*) *$", re.MULTILINE)
_IDENTIFIER = re.compile(r"^[a-z][a-z0-9_]*$")


class SqlError(Exception):
    """A queries.sql is not written as it should be."""


def load(package: str) -> Mapping[str, str]:
    """The statements of `<package>/queries.sql` by name."""
    return parse(files(package).joinpath("queries.sql").read_text("utf-8"), where=f"{package}/queries.sql")


def parse(text: str, *, where: str) -> Mapping[str, str]:
    head, *parts = _NAME.split(text)
    if _without_comments(head):
        raise SqlError(f"{where}: a statement stands before the first name")
    statements: dict[str, str] = {}
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        if not _IDENTIFIER.match(name):
            raise SqlError(f"{where}: {name!r} is no name for a statement (lower case, digits, underscores)")
        if name in statements:
            raise SqlError(f"{where}: {name} is there twice")
        statements[name] = _statement(block.strip(), f"{where}: {name}")
    return MappingProxyType(statements)


def _statement(block: str, where: str) -> str:
    if not block.startswith("--"):
        raise SqlError(f"{where} has no sentence that says what it is for")
    body = _without_comments(block).rstrip(";").rstrip()
    if not body:
        raise SqlError(f"{where} has no statement")
    return body


def _without_comments(block: str) -> str:
    return "\n".join(line for line in block.splitlines() if not line.lstrip().startswith("--")).strip()
