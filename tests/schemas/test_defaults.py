"""What may be absent may be left out: a document written without its empty values reads the same."""

from types import NoneType
from typing import get_args

import pytest
from pydantic import BaseModel

from schemas import actions, alerts, encounters, transitions

MODELS = [
    model
    for module in (actions, alerts, encounters, transitions)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_field_that_may_be_null_may_be_left_out(model: type[BaseModel]) -> None:
    """Services write documents without nulls; a required nullable field would make them unreadable."""
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    nullable = [name for name in needed if NoneType in get_args(model.model_fields[name].annotation)]

    assert nullable == []
