"""What travels held against schemas/asyncapi.yaml: anything that is not declared there is a problem."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema
import yaml

from schemas import asyncapi, export

Headers = Sequence[tuple[str, bytes | None]]


class Contract:
    """The committed document, closed: a header or field that it does not name is wrong, as nothing says it is there."""

    def __init__(self) -> None:
        document = yaml.safe_load((export.FOLDER / asyncapi.FILE).read_text("utf-8"))
        self._channels: dict[str, Any] = document["channels"]
        self._components: dict[str, Any] = _closed(document["components"])
        self.messages = set(self._components["messages"])
        self.seen: set[str] = set()

    def problems(self, topic: str, headers: Headers, value: bytes | None) -> list[str]:
        """What is wrong with one record, by place and rule; and note which message it was."""
        if topic not in self._channels:
            return [f"{topic}: no such channel"]
        said = {name: (data or b"").decode() for name, data in headers}
        if len(said) < len(headers):
            return [f"{topic}: a header is there twice"]
        name = self._message(topic, said.get("ce_type"))
        if name is None:
            return [f"{topic}: no message of type {said.get('ce_type')}"]
        self.seen.add(name)
        message = self._components["messages"][name]
        found = self._against(message["headers"], said)
        if message["contentType"] == "application/json":
            found += self._against(message["payload"], json.loads(value or b"null"))
        return [f"{topic}, {name}: {problem}" for problem in found]

    def _message(self, topic: str, event_type: str | None) -> str | None:
        names = [str(ref["$ref"]).rpartition("/")[2] for ref in self._channels[topic]["messages"].values()]
        if len(names) == 1:
            return names[0]
        return next((n for n in names if self._components["messages"][n]["name"] == event_type), None)

    def _against(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        validator = jsonschema.Draft7Validator(
            {"allOf": [schema], "components": self._components},
            format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER,
        )
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {key: _closed(value) for key, value in node.items()}
    return {"additionalProperties": False} | inner if isinstance(node.get("properties"), dict) else inner
