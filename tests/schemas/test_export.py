"""The committed schemas and examples are those of the models, and a change is named."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest

from schemas import asyncapi, export
from schemas.actions import Action


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in ("jsonschema", "examples"):
        shutil.copytree(export.FOLDER / part, tmp_path / part)
    shutil.copy(export.FOLDER / asyncapi.FILE, tmp_path)
    return tmp_path


def edit(path: Path, change: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_committed_schemas_are_those_of_the_models() -> None:
    """What is committed is what `baton schemas export` writes, and every example fits."""
    assert export.check() == []


def test_export_is_stable(copy: Path) -> None:
    """Exporting twice changes nothing the second time."""
    shutil.rmtree(copy / "jsonschema")
    assert len(export.export(copy)) == len(export.PUBLISHED)
    assert export.export(copy) == []


def test_a_changed_schema_is_named(copy: Path) -> None:
    """The sentence says which file differs, where, and what to do."""
    edit(copy / "jsonschema/alert.v1.schema.json", {"required": ["alert_id"]})
    (problem,) = export.check(copy)
    assert problem.startswith("schemas/jsonschema/alert.v1.schema.json: required is")
    assert "`baton schemas export` writes it anew." in problem


def test_a_missing_and_a_foreign_schema_are_named(copy: Path) -> None:
    """A file too few and a file too many are a sentence each."""
    (copy / "jsonschema/deadline.v1.schema.json").rename(copy / "jsonschema/deadline.v0.schema.json")
    assert [problem.split(": ")[1] for problem in export.check(copy)] == [
        "missing; `baton schemas export` writes it.",
        "no message has this name and version any more.",
    ]


def test_an_example_that_no_longer_parses_is_named(copy: Path) -> None:
    """An example today's model refuses is told by file and field, without its value."""
    edit(copy / "examples/alert/missed_call_firing.json", {"status": "a secret"})
    (problem,) = export.check(copy)
    assert problem.startswith(
        "schemas/examples/alert/missed_call_firing.json: today's model refuses it at status"
    )
    assert "a secret" not in problem


def test_every_action_has_an_example() -> None:
    """Each type of action is shown once at least."""
    (union, *_) = get_args(Action)
    types = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(union)}
    shown = {
        json.loads(path.read_text())["type"] for path in (export.FOLDER / "examples/action").glob("*.json")
    }
    assert shown == types
