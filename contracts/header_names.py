"""A record with a header whose name is no UTF-8 is read like any other.

aiokafka decodes the names while it unpacks what it has fetched. One such record (seen with 0.14) makes `getmany` raise
UnicodeDecodeError each time, hand over nothing of any partition, and never move on: whoever may write to a topic stops all who
read it. With `tolerate()` such a batch is read a second time, slowly, the odd bytes written as `\\xff`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, SupportsIndex, cast

import aiokafka.consumer.fetcher as fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


def tolerate() -> None:
    """From now on, for every consumer of this process."""
    fetcher.MemoryRecords = Fetched  # type: ignore[attr-defined, assignment]


class Fetched:
    """What a fetch brought of one partition, batch by batch; as `aiokafka.record.memory_records.MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched, self._records, self._place = fetched, cast("Any", MemoryRecords)(fetched), -1
        self.has_next, self.size_in_bytes = self._records.has_next, self._records.size_in_bytes

    def next_batch(self) -> "_Batch":
        self._place += 1
        return _Batch(self._records.next_batch(), self._fetched, self._place)


class _Batch:
    def __init__(self, batch: Any, fetched: bytes, place: int) -> None:
        self._batch, self._fetched, self._place = batch, fetched, place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except UnicodeDecodeError:
            yield from islice(self._slowly(), read, None)

    def _slowly(self) -> Iterator[Any]:
        batches = _MemoryRecordsPy(self._fetched)
        for _ in range(self._place):
            batches._cache_next()
        assert batches._next_slice is not None
        return iter(_SlowBatch(cast("Any", batches._next_slice)))


class _SlowBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # final to type checkers only
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Bytes(self._buffer)


class _Bytes(bytearray):
    """Bytes that can be read as a header's name, whatever they are."""

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = super().__getitem__(index)
        return found if isinstance(found, int) else _Bytes(found)

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
