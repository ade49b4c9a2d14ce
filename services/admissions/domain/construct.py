"""Messages from values known to be right: `model_construct` in a tenth of its time, for the fold of every event."""

from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)

_fields_of: dict[type[BaseModel], set[str]] = {}
_set = object.__setattr__


def construct(model: type[Model], /, **fields: Any) -> Model:
    """Give the model with these fields, unchecked; every field must be given."""
    made = model.__new__(model)
    _set(made, "__dict__", fields)
    # Copies of a model take a copy of it, and nothing else ever changes it.
    _set(made, "__pydantic_fields_set__", _fields_of.get(model) or _fields_of.setdefault(model, set(fields)))
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made
