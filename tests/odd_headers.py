"""Headers whose name is no UTF-8: other languages write them, aiokafka has to be talked into it."""

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


class NoText(str):
    """The name of a header as a producer in another language may write it."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


def write_any_header_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have aiokafka's producers write records in Python, which takes any kind of string."""
    for module in ("producer.producer", "producer.message_accumulator"):
        name = f"aiokafka.{module}.DefaultRecordBatchBuilder"
        monkeypatch.setattr(name, _DefaultRecordBatchBuilderPy)
