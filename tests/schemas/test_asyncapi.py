"""The AsyncAPI document: valid by the official schema, complete, and true to the code."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from schemas import asyncapi, export
from schemas.published import PUBLISHED
from schemas.topics import TOPICS

# The official schema of AsyncAPI 3.0.0 (npm: @asyncapi/specs, Apache-2.0), without descriptions and without the
# bindings of anything but Kafka.
OFFICIAL = Path(__file__).with_name("asyncapi-3.0.0.json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((export.FOLDER / asyncapi.FILE).read_text("utf-8"))
    return said


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    found: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def test_it_is_valid(document: dict[str, Any]) -> None:
    """The official schema of AsyncAPI 3.0 has nothing against it."""
    validator = jsonschema.Draft7Validator(json.loads(OFFICIAL.read_text("utf-8")))

    assert [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)] == []


def test_the_official_schema_can_refuse(document: dict[str, Any]) -> None:
    """Given a channel with a field that AsyncAPI does not know, then it is refused: what we validate by has teeth."""
    validator = jsonschema.Draft7Validator(json.loads(OFFICIAL.read_text("utf-8")))
    [name, *_] = document["channels"]
    broken = document["channels"][name] | {"retention": "a week"}

    assert not validator.is_valid(document | {"channels": {name: broken}})


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """No `$ref` names what is not there."""

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for value in node.values() for ref in references(value)]
        return [ref for each in node for ref in references(each)] if isinstance(node, list) else []

    found = references(document)

    assert found
    for ref in found:
        resolved(document, {"$ref": ref})


def test_every_topic_and_every_message_is_in_it(document: dict[str, Any]) -> None:
    """A channel for each topic, a message for each model and for each topic of bytes; owner, readers, key, settings."""
    channels = document["channels"]
    assert list(channels) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        said = channels[topic.name]
        binding = said["bindings"]["kafka"]
        assert binding["partitions"] == topic.partitions
        assert set(binding["topicConfiguration"]) == set(topic.config)
        assert (said["x-key"], said["x-written-by"], said["x-read-by"]) == (
            topic.key, topic.written_by, list(topic.read_by))  # fmt: skip
        types = {resolved(document, ref)["name"] for ref in said["messages"].values()}
        modelled = {message.event_type for message in PUBLISHED if message.topic == topic.name}
        assert types == (modelled or {asyncapi.BYTES[topic.name][0]})


@pytest.mark.parametrize("message", PUBLISHED, ids=lambda message: message.name)
def test_its_examples_fit_what_it_says(message: Any, document: dict[str, Any]) -> None:
    """Each committed example is shown, and fits the payload's schema as this document has it."""
    said = document["components"]["messages"][message.name]
    schema = said["payload"] | {"components": document["components"]}
    validator = jsonschema.Draft7Validator(schema)
    shown = [example["payload"] for example in said["examples"]]

    assert len(shown) == len(list((export.FOLDER / message.examples).glob("*.json"))) > 0
    assert [error.json_path for payload in shown for error in validator.iter_errors(payload)] == []


def test_each_service_does_what_its_topics_say(document: dict[str, Any]) -> None:
    """One operation for each writer and each reader that is Baton's own."""
    assert set(document["operations"]) == {
        "admissions.receive.adt.inbound",
        "admissions.send.adt.encounters",
        "transitions.receive.adt.encounters",
        "admissions.send.adt.rejected",
        "transitions.receive.care.actions",
        "transitions.send.care.rejected",
        "transitions.send.care.transitions",
        "notifications.receive.care.transitions",
        "notifications.send.care.alerts",
        "worklist.receive.adt.encounters",
        "worklist.receive.adt.rejected",
        "worklist.receive.care.actions",
        "worklist.receive.care.alerts",
        "worklist.receive.care.rejected",
        "worklist.receive.care.transitions",
    }


def test_a_document_that_is_not_today_s_is_named(tmp_path: Path) -> None:
    """Given a document that somebody edited, when it is checked, then the sentence says which file and what to do."""
    export.export(tmp_path)
    for message in PUBLISHED:
        (tmp_path / message.examples).mkdir(parents=True)
        for path in (export.FOLDER / message.examples).glob("*.json"):
            (tmp_path / message.examples / path.name).write_text(path.read_text("utf-8"), "utf-8")
    export.export(tmp_path)
    assert export.check(tmp_path) == []

    (tmp_path / asyncapi.FILE).write_text("asyncapi: 2.0.0\n", "utf-8")
    assert export.check(tmp_path) == [
        "schemas/asyncapi.yaml: not what the code says today; `baton schemas export` writes it anew."
    ]
