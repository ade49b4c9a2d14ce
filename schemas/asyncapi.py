"""The AsyncAPI 3.0 document: every topic, what travels on it and who writes and reads, from the code itself."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter

from schemas import cloudevents, rejections
from schemas.published import PUBLISHED, Published
from schemas.topics import ADT_INBOUND, ADT_REJECTED, CARE_ACTIONS, CARE_REJECTED, TOPICS, Topic

FILE = "asyncapi.yaml"
HEADER = """\
# The topics of Baton and every message on them. Written from schemas/ by `baton schemas export`: not by hand.
"""
REF = "#/components/schemas/{model}"
ER7 = "x-application/hl7-v2+er7"
ABOUT = """\
Baton watches a hospital's ADT feed and makes sure that no discharged or transferred patient is forgotten.

Every event carries the whole state of its subject and a revision: take the highest revision, ignore anything else,
and ignore fields that you do not know. Topic names may have a prefix (BATON_TOPIC_PREFIX).
"""
# What is no JSON: its model is that of its headers.
BYTES: dict[str, tuple[str, type[BaseModel], str]] = {
    ADT_INBOUND: ("hl7_message", rejections.InboundHeaders, ER7),
    ADT_REJECTED: ("rejected_message", rejections.RejectedMessageHeaders, "application/octet-stream"),
    CARE_REJECTED: ("rejected_action", rejections.RejectedActionHeaders, "application/octet-stream"),
}


def document(folder: Path) -> str:
    """Give the document as it should be, with the examples of the folder."""
    return HEADER + yaml.safe_dump(as_dict(folder), sort_keys=False, width=110, allow_unicode=True)


def as_dict(folder: Path) -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Baton",
            "version": version("baton"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": cloudevents.CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(operation for topic in TOPICS for operation in _operations(topic)),
        "components": {"messages": _messages(folder), "schemas": _schemas()},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.carries[0].upper()}{topic.carries[1:]}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": "0.5.0",
            }
        },
        "x-key": topic.key,
        "x-written-by": topic.written_by,
        "x-read-by": list(topic.read_by),
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    policy = str(topic.config["cleanup.policy"])
    return topic.config | {"cleanup.policy": [policy]}


def _names(topic: Topic) -> list[str]:
    if topic.name in BYTES:
        return [BYTES[topic.name][0]]
    return [message.name for message in PUBLISHED if message.topic == topic.name]


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    """What Baton's own services do with the topic; others do what it leaves."""
    channel = {"$ref": f"#/channels/{topic.name}"}
    found = []
    if topic.ours:
        about = f"{topic.written_by} writes {topic.name}."
        found.append(
            (
                f"{topic.written_by}.send.{topic.name}",
                {"action": "send", "channel": channel, "summary": about},
            )
        )
    for reader in topic.read_by:
        about = f"{reader} reads {topic.name}."
        found.append(
            (f"{reader}.receive.{topic.name}", {"action": "receive", "channel": channel, "summary": about})
        )
    return found  # fmt: skip


def _messages(folder: Path) -> dict[str, Any]:
    of_bytes = {name: _bytes(topic) for topic, (name, _, _) in BYTES.items()}
    return of_bytes | {message.name: _event(message, folder) for message in PUBLISHED}


def _bytes(topic: str) -> dict[str, Any]:
    name, headers, content_type = BYTES[topic]
    [about] = [each.carries for each in TOPICS if each.name == topic]
    return {
        "name": name,
        "title": f"{about[0].upper()}{about[1:]}",
        "contentType": content_type,
        "headers": {"$ref": REF.format(model=headers.__name__)},
        "payload": {"type": "string", "format": "binary", "description": "Bytes, as they were received."},
        "bindings": _key(topic),
    }


def _event(message: Published, folder: Path) -> dict[str, Any]:
    schema = _inline(message)
    about = str(schema.pop("description", "")) or str(schema.pop("title", message.name))
    paths = sorted((folder / message.examples).glob("*.json"))
    return {
        "name": message.event_type,
        "title": f"{message.event_type} v{message.version}",
        "summary": about.partition("\n\n")[0].replace("\n", " "),
        "contentType": cloudevents.CONTENT_TYPE,
        "headers": _headers(message),
        "payload": {"$ref": REF.format(model=_payload_name(message))},
        "bindings": _key(message.topic),
        "examples": [{"name": path.stem, "payload": json.loads(path.read_text("utf-8"))} for path in paths],
    }


def _key(topic: str) -> dict[str, Any]:
    [about] = [each.key for each in TOPICS if each.name == topic]
    return {"kafka": {"key": {"type": "string", "description": about}, "bindingVersion": "0.5.0"}}


def _headers(message: Published) -> dict[str, Any]:
    """CloudEvents in binary mode. Whoever sends an action may leave them all out."""
    schema = {
        "type": "object",
        "description": cloudevents.__doc__,
        "properties": cloudevents.schema(message.event_type),
    }
    if message.topic != CARE_ACTIONS:
        return schema | {"required": list(cloudevents.REQUIRED)}
    again = {"type": "string", "format": "uuid", "description": rejections.AGAIN}
    return schema | {"properties": cloudevents.schema(message.event_type) | {"retry_of": again}}


def _payload_name(message: Published) -> str:
    """The name its schema has among the components."""
    ref = message.model.json_schema(ref_template=REF).get("title")
    return str(ref or message.name.capitalize())


def _inline(message: Published) -> dict[str, Any]:
    schema = message.model.json_schema(ref_template=REF)
    schema.pop("$defs", None)
    return schema


def _schemas() -> dict[str, Any]:
    """Every model once; one that refers to another does so by its name here."""
    models = [(message.name, "validation", message.model) for message in PUBLISHED]
    _, shared = TypeAdapter.json_schemas(models, ref_template=REF)  # type: ignore[arg-type]
    found = dict(shared.get("$defs", {}))
    for message in PUBLISHED:
        found.setdefault(_payload_name(message), _inline(message))
    for _, headers, _ in BYTES.values():
        found[headers.__name__] = headers.model_json_schema(ref_template=REF)
    return {name: _plain(found[name]) for name in sorted(found)}


def _plain(schema: Any) -> Any:
    """AsyncAPI's discriminator is the name of a property; pydantic writes that of OpenAPI."""
    if isinstance(schema, dict):
        return {
            key: value["propertyName"]
            if key == "discriminator" and isinstance(value, dict)
            else _plain(value)
            for key, value in schema.items()
        }
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema
