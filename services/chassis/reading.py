"""Events from Kafka as models: of each subject the newest one; what cannot be read is passed by, and said."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from services.chassis.kafka import Record

MOST_PLACES = 5


class Revised(Protocol):
    """An event that carries the whole state of its subject, and which revision of it."""

    @property
    def revision(self) -> int: ...


E = TypeVar("E", bound=Revised)
K = TypeVar("K")


def newest(
    records: Iterable[Record],
    models: Mapping[str | None, type[Any]],
    subject: Callable[[E], K],
    pass_by: Callable[[Record, list[str]], None],
) -> dict[K, E]:
    """The newest event of each subject, by the model of its `ce_type`; other types are not ours to know.

    `pass_by` is told of a record that is no such event, and where it is none.
    """
    found: dict[K, E] = {}
    for record in records:
        model = models.get(record.header("ce_type"))
        if model is None or record.value is None:
            continue
        try:
            event: E = model.model_validate_json(record.value)
        except ValidationError as error:
            pass_by(record, places_of(error))
            continue
        key = subject(event)
        known = found.get(key)
        if known is None or event.revision > known.revision:
            found[key] = event
    return found


def places_of(error: ValidationError) -> list[str]:
    """Where a document is not what its model wants: names of fields, never what stands there."""
    said = {".".join(map(str, one["loc"])) for one in error.errors(include_input=False)}
    return sorted(said)[:MOST_PLACES]
