"""Read a protocol of care from its file, once at start, into what the plan reads; knows nothing of patients."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from services.transitions.domain.calendar import federal_holidays
from services.transitions.domain.protocol import Protocol
from services.transitions.protocols.shape import FasterFile, ProtocolFile

SHIPPED = Path(__file__).with_name("protocols")
DEFAULT = "transitions-of-care"

Shape = TypeVar("Shape", ProtocolFile, FasterFile)


class ProtocolError(ValueError):
    """The protocol cannot be used; the text says where and what to do."""


def load_protocol(name: str = DEFAULT, folder: Path | None = None) -> Protocol:
    """Read `protocols/<name>.yaml` of the configuration folder, else the shipped protocol of that name.

    A file that says `extends` is another protocol with some spans changed; one step only.
    """
    federal_holidays(2026)  # the library reads its tables at first use: here, not in the first patient's plan
    path, said = _read(name, folder)
    if "extends" not in said:
        return _checked(path, ProtocolFile, said).build()
    faster = _checked(path, FasterFile, said)
    base_path, base = _read(faster.extends, folder)
    if "extends" in base:
        raise ProtocolError(f"{path.name}: extends: {base_path.name} extends another itself; name that one")
    whole = _checked(base_path, ProtocolFile, base)
    engine = whole.engine.model_copy(update={str(key): span for key, span in faster.engine.items()})
    deadlines = dict(whole.deadlines)
    for kind, span in faster.elapsed.items():
        if kind not in deadlines or deadlines[kind].due.elapsed is None:
            raise ProtocolError(
                f"{path.name}: elapsed.{kind}: runs on no watch in {base_path.name}; leave it out"
            )
        due = deadlines[kind].due.model_copy(update={"elapsed": span})
        deadlines[kind] = deadlines[kind].model_copy(update={"due": due})
    return whole.model_copy(update={"name": path.stem, "engine": engine, "deadlines": deadlines}).build()


def _read(name: str, folder: Path | None) -> tuple[Path, dict[str, Any]]:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ProtocolError(f"protocol {name!r}: is no name; write the file's name without folder and ending")
    places = [place / f"{name}.yaml" for place in (folder and folder / "protocols", SHIPPED) if place]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        raise ProtocolError(
            f"{name}.yaml: is not there; put it into protocols/ of the configuration, or name another"
        )
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "the file"
        raise ProtocolError(f"{path.name}: {where} is not readable YAML; correct it") from None
    if not isinstance(said, dict):
        raise ProtocolError(f"{path.name}: holds no keys; begin with `name:` and `version:`")
    return path, said


def _checked(path: Path, shape: type[Shape], said: dict[str, Any]) -> Shape:
    try:
        return shape.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        steps = [str(step) for step in first["loc"] if not str(step).endswith("File") and step != "[key]"]
        key = "".join(f"{'.' if n else ''}{step}" for n, step in enumerate(steps)) or "the file"
        raise ProtocolError(f"{path.name}: {key}: {_advice(first['type'], first['msg'])}") from None


def _advice(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing; write it"
    if kind == "extra_forbidden":
        return "is not known; remove it or correct its spelling"
    return message.removeprefix("Value error, ")
