"""Released versions: their schemas and examples as they were, and whether today's still fit them.

`schemas/released/VERSION/` is what that version of Baton wrote and read. It is never edited. When no record of a
version can be left on any topic, and nobody runs it, its folder may go, and with it the promise to read it.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.compatibility import breaks, plain
from schemas.published import PUBLISHED, Published, schema_of, text_of
from schemas.topics import TOPICS

FOLDER = "released"


class AlreadyReleased(Exception):
    """This version was released before, with other schemas or examples; the sentence says what to do."""


def today() -> str:
    """The version that these schemas belong to: that of pyproject.toml, as installed."""
    return version("baton")


def release(folder: Path) -> list[str]:
    """Keep today's schemas and examples as those of today's version; give the names of the files written."""
    target = folder / FOLDER / today()
    wanted = {message.file: text_of(schema_of(message)) for message in PUBLISHED}
    for message in PUBLISHED:
        for path in sorted((folder / message.examples).glob("*.json")):
            wanted[f"{message.examples}/{path.name}"] = path.read_text("utf-8")
    if target.exists():
        if wanted == {
            str(path.relative_to(target)): path.read_text("utf-8") for path in target.rglob("*.json")
        }:
            return []
        raise AlreadyReleased(
            f"{today()} was released with other schemas or examples: raise the version in pyproject.toml, then `make setup`."
        )
    for name, text in wanted.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text, "utf-8")
    return [f"{FOLDER}/{today()}/{name}" for name in wanted]  # fmt: skip


def check(folder: Path) -> list[str]:
    """Give one sentence for everything by which today's messages do not fit those of any released version."""
    problems: list[str] = []
    for release_folder in sorted((folder / FOLDER).glob("*/")):
        problems += _check(release_folder)
    current = folder / FOLDER / today()
    return problems or ([*_changed(current)] if current.exists() else [])


def _check(folder: Path) -> Iterator[str]:
    messages = {message.name: message for message in PUBLISHED}
    for path in sorted((folder / "jsonschema").glob("*.schema.json")):
        name, _, number = path.name.removesuffix(".schema.json").rpartition(".v")
        where = f"schemas/{FOLDER}/{folder.name}/jsonschema/{path.name}"
        message = messages.get(name)
        if message is None:
            yield f"{where}: there is no message {name} any more; keep it in schemas/published.py."
            continue
        if message.version == int(number):
            yield from _broken(message, json.loads(path.read_text("utf-8")), folder.name)
        yield from _unreadable(message, folder)


def _broken(message: Published, old: Mapping[str, Any], released: str) -> Iterator[str]:
    # Of what others write, Baton is the only reader that this repository answers for.
    only_ours = next(topic.ours for topic in TOPICS if topic.name == message.topic)
    for found in breaks(old, schema_of(message)):
        if only_ours or not found.old_readers:
            yield (
                f"{message.name}: {found.field} {found.what} since {released}. {found.instead[0].upper()}{found.instead[1:]}; "
                f"or raise the version of {message.name} in schemas/published.py and read both."
            )  # fmt: skip


def _unreadable(message: Published, folder: Path) -> Iterator[str]:
    for path in sorted((folder / message.examples).glob("*.json")):
        try:
            message.model.validate_json(path.read_text("utf-8"))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"]) or "the top"
            yield (
                f"schemas/{FOLDER}/{folder.name}/{message.examples}/{path.name}: today's model refuses what {folder.name} "
                f"wrote at {place}: {first['msg']}. Read the old form beside the new one."
            )  # fmt: skip


def _changed(current: Path) -> Iterator[str]:
    """What was released under today's version is not changed any more, be it ever so compatible."""
    for message in PUBLISHED:
        path = current / message.file
        held = json.loads(path.read_text("utf-8")) if path.exists() else None
        if plain(held) != plain(schema_of(message)):
            yield (
                f"{message.name}: its schema is not the one that was released as {current.name}. Raise the version in "
                "pyproject.toml, then `make setup`."
            )  # fmt: skip
