"""Write schemas and AsyncAPI document beside the models, and tell where models and files differ."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas import asyncapi, released
from schemas.published import PUBLISHED, Published, schema_of, text_of

FOLDER = Path(__file__).parent


def documents(folder: Path = FOLDER) -> dict[str, str]:
    """Give every file that is written from the models, by its name in the folder."""
    schemas = {message.file: text_of(schema_of(message)) for message in PUBLISHED}
    return schemas | {asyncapi.FILE: asyncapi.document(folder)}


def export(folder: Path = FOLDER) -> list[str]:
    """Write every schema and the AsyncAPI document; give the names of the files that changed."""
    changed = []
    for name, text in documents(folder).items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def check(folder: Path = FOLDER) -> list[str]:
    """Give one sentence for each difference between the models and what is committed; empty is good."""
    problems = []
    for message in PUBLISHED:
        problems += _check_schema(message, folder)
        problems += _check_examples(message, folder)
    known = {message.file for message in PUBLISHED}
    for path in sorted((folder / "jsonschema").glob("*.json")):
        if f"jsonschema/{path.name}" not in known:
            problems.append(f"schemas/jsonschema/{path.name}: no message has this name and version any more.")
    return problems + released.check(folder) or _check_asyncapi(folder)


def _check_asyncapi(folder: Path) -> list[str]:
    path = folder / asyncapi.FILE
    if path.exists() and path.read_text(encoding="utf-8") == asyncapi.document(folder):
        return []
    return [f"schemas/{asyncapi.FILE}: not what the code says today; `baton schemas export` writes it anew."]


def _check_schema(message: Published, folder: Path) -> list[str]:
    path = folder / message.file
    if not path.exists():
        return [f"schemas/{message.file}: missing; `baton schemas export` writes it."]
    try:
        committed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return [f"schemas/{message.file}: not JSON."]
    where = difference(committed, json.loads(text_of(schema_of(message))))
    return [f"schemas/{message.file}: {where}; `baton schemas export` writes it anew."] if where else []


def _check_examples(message: Published, folder: Path) -> list[str]:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema_of(message))
    paths = sorted((folder / message.examples).glob("*.json"))
    if not paths:
        return [f"schemas/{message.examples}: no example."]
    problems = []
    for path in paths:
        name = f"schemas/{message.examples}/{path.name}"
        text = path.read_text(encoding="utf-8")
        try:
            message.model.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            problems.append(f"{name}: today's model refuses it at {place or 'the top'}: {first['msg']}.")
            continue
        problems += [
            f"{name}: the schema refuses it at {broken.json_path}: {broken.validator}."
            for broken in validator.iter_errors(json.loads(text))
        ]
    return problems


def difference(committed: Any, today: Any, at: str = "") -> str:
    """Say in one clause where two JSON values first differ; empty where they do not."""
    if isinstance(committed, dict) and isinstance(today, dict):
        for key in sorted(committed.keys() | today.keys()):
            here = f"{at}.{key}" if at else key
            if key not in today:
                return f"{here} is in the file and no longer in the model"
            if key not in committed:
                return f"{here} is in the model and not in the file"
            if found := difference(committed[key], today[key], here):
                return found
        return ""
    if committed == today and type(committed) is type(today):
        return ""
    return f"{at} is {_short(committed)} in the file and {_short(today)} in the model"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."
