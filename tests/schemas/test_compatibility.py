"""Which changes of a message are refused, and which are not."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, create_model

from schemas.base import Instant, Message
from schemas.compatibility import breaks, plain


class Status(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Wider(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    VOID = "void"


class Place(Message):
    unit: str


class Ward(Message):
    unit: str
    beds: int = 0


class Nameless(Message):
    facility: str | None = None


class Here(Message):
    type: Literal["here"]


class There(Message):
    type: Literal["there"]


class Tree(Message):
    name: str
    children: tuple["Tree", ...] = ()


One = Annotated[Here | There, Field(discriminator="type")]
REQUIRED: Any = ...
EVERYBODY, OLD_READERS = False, True


def schema(annotation: Any, default: Any = REQUIRED) -> dict[str, Any]:
    """A message with one field `x`; None for a message without it."""
    fields: dict[str, Any] = {} if annotation is None else {"x": (annotation, default)}
    model = create_model("Model", __base__=Message, id=(str, ...), **fields)
    return model.model_json_schema(mode="validation")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((str,), (str,)),
        ((None,), (str, "")),
        ((None,), (str | None, None)),
        ((int, 1), (int, 2)),
        ((Status,), (Literal["open", "closed"],)),
        ((Place,), (Ward,)),
        ((tuple[Place, ...], ()), (tuple[Ward, ...], ())),
        ((Tree,), (Tree,)),
        ((One,), (One,)),
    ],
)
def test_what_breaks_nobody(before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    """Given a new field that may be left out, another default or another name of a type, then nothing is refused."""
    assert [*breaks(schema(*before), schema(*after))] == []


@pytest.mark.parametrize(
    ("before", "after", "field", "what", "whom"),
    [
        ((str,), (None,), "x", "is gone", EVERYBODY),
        ((None,), (str,), "x", "is new and must be there", EVERYBODY),
        ((str, ""), (str,), "x", "must now be there", EVERYBODY),
        ((str,), (str, ""), "x", "may now be left out", OLD_READERS),
        ((str | None, None), (str, ""), "x", "may no longer be null", EVERYBODY),
        ((str, ""), (str | None, ""), "x", "may now be null", OLD_READERS),
        ((str,), (int,), "x", "was string and is integer", EVERYBODY),
        ((int,), (float,), "x", "was integer and is number", OLD_READERS),
        ((float,), (int,), "x", "was number and is integer", EVERYBODY),
        ((Instant,), (date,), "x", "was string (date-time) and is string (date)", EVERYBODY),
        ((str,), (Instant,), "x", "was string and is string (date-time)", EVERYBODY),
        ((Wider,), (Status,), "x", "may no longer be void", EVERYBODY),
        ((Status,), (Wider,), "x", "may now be void", OLD_READERS),
        ((str,), (Status,), "x", "may now be a few words only", EVERYBODY),
        ((Status,), (str,), "x", "may now be any word", OLD_READERS),
        ((str,), (Annotated[str, Field(min_length=1)],), "x", "has minLength 1 and had none", EVERYBODY),
        ((Annotated[str, Field(max_length=9)],), (Annotated[str, Field(max_length=5)],), "x",
         "has maxLength 5 and had 9", EVERYBODY),
        ((Annotated[str, Field(max_length=5)],), (Annotated[str, Field(max_length=9)],), "x",
         "has maxLength 9 and had 5", OLD_READERS),
        ((Annotated[int, Field(ge=0)],), (int,), "x", "has minimum no more and had 0", OLD_READERS),
        ((str,), (Annotated[str, Field(pattern="^a")],), "x", "has another pattern", EVERYBODY),
        ((Ward,), (Place,), "x.beds", "is gone", EVERYBODY),
        ((Place,), (Nameless,), "x.unit", "is gone", EVERYBODY),
        ((tuple[Ward, ...],), (tuple[Place, ...],), "x[].beds", "is gone", EVERYBODY),
        ((One,), (Here,), "x[there]", "is gone", EVERYBODY),
        ((Here,), (One,), "x[there]", "is new", OLD_READERS),
    ],
)  # fmt: skip
def test_what_breaks_somebody(
    before: tuple[Any, ...], after: tuple[Any, ...], field: str, what: str, whom: bool
) -> None:
    """Given such a change of a field, then it is told by its place, with whom it hurts: readers of old records and
    old readers alike, or only the latter.
    """
    found = [*breaks(schema(*before), schema(*after))]

    assert (field, what, whom) in [(each.field, each.what, each.old_readers) for each in found]
    assert all(each.instead for each in found)


def test_a_field_with_another_name_is_gone_and_new() -> None:
    """Given a renamed field, then it is refused: readers of before do not find it."""
    before = TypeAdapter(Place).json_schema()
    after = create_model("Place", __base__=Message, ward=(str, ...)).model_json_schema()

    assert [(each.field, each.what) for each in breaks(before, after)] == [
        ("unit", "is gone"),
        ("ward", "is new and must be there"),
    ]


def test_what_is_said_to_people_is_no_change() -> None:
    """Another docstring, title or example leaves the schema as it was; a property called `title` is no title."""
    said = {"title": "A", "description": "B", "properties": {"title": {"type": "string", "description": "C"}}}

    assert plain(said) == {"properties": {"title": {"type": "string"}}}
