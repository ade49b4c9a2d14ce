"""Header names that are no UTF-8: aiokafka cannot read such a record, and would hold up its partition for ever."""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

# Of every batch, whatever its version: base offset (8 bytes), then how many bytes follow (4).
_LENGTH = struct.Struct(">8xi")


def read_any() -> None:
    """Have every consumer of this process read such names with a backslash for what is no text; safe to repeat."""
    fetcher.MemoryRecords = _Records


class _Records:
    """What a partition answered to one fetch, as aiokafka asks it: its own reader, and the bytes of each batch."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._inner: Any = MemoryRecords(data)
        self.has_next = self._inner.has_next
        self.size_in_bytes = self._inner.size_in_bytes

    def next_batch(self) -> Any:
        begins = self._at
        batch = self._inner.next_batch()
        if batch is not None:
            self._at += _LENGTH.size + _LENGTH.unpack_from(self._data, begins)[0]
        return batch and _Batch(batch, memoryview(self._data)[begins : self._at])


class _Batch:
    """One batch; where aiokafka's compiled reader fails on a name, its reader in Python takes over from there."""

    def __init__(self, inner: Any, data: memoryview) -> None:
        self._inner = inner
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __iter__(self) -> Iterator[Any]:
        given = 0
        try:
            for record in self._inner:
                yield record
                given += 1
        except UnicodeDecodeError:
            yield from islice(_leniently(self._data), given, None)

    def __next__(self) -> Any:
        return next(self._inner)


def _leniently(data: memoryview) -> Iterator[Any]:
    batch: Any = iter(_DefaultRecordBatchPy(data))
    batch._buffer = _Lenient(batch._buffer)  # noqa: SLF001  (read by now, and uncompressed)
    return batch  # type: ignore[no-any-return]


class _Lenient(bytearray):
    """Bytes of which every slice can be decoded."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Lenient(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
