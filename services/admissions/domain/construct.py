"""Messages from values known to be right: `model_construct` in a tenth of its time, for the fold of every event."""

from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def construct(model: type[Model], /, **fields: Any) -> Model:
    """Give the model with these fields, unchecked; every field must be given."""
    made = model.__new__(model)
    object.__setattr__(made, "__dict__", fields)
    object.__setattr__(made, "__pydantic_fields_set__", set(fields))
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made
