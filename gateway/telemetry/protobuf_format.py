"""Prometheus' protobuf format: the only one that has native histograms.

The messages are those of `io/prometheus/client/metrics.proto` in github.com/prometheus/client_model, each before its
length. They are few and flat, so that they are written here (docs/decisions/065-formats-of-metrics.md); the tests read
them with the protobuf library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from gateway.telemetry.buckets import SCHEMA, SUM, ZERO_THRESHOLD, Native
from gateway.telemetry.families import Distributions, Exemplar, Exemplars, Labels, Numbers

_COUNTER, _GAUGE, _HISTOGRAM = 0, 1, 4
_TYPES: Final = {"counter": _COUNTER, "gauge": _GAUGE, "histogram": _HISTOGRAM}


class ProtobufFormat:
    """`MetricFamily` messages, each before its length."""

    content_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
    end = b""

    def pieces(self, family: Numbers | Distributions) -> Iterator[bytes]:
        """A family's part of the page: empty pieces while its points are written, then all of it.

        Its length comes first, so that nothing can go out before the last point is written.
        """
        points = []
        for point in _number_points(family) if isinstance(family, Numbers) else _histogram_points(family):
            points.append(point)
            yield b""
        if points:
            yield _head(family, sum(map(len, points)))
            yield from points


def _head(family: Numbers | Distributions, size: int) -> bytes:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    fields = _bytes(1, name.encode()) + _bytes(2, family.documentation.encode()) + _number(3, _TYPES[family.type])
    return _varint(len(fields) + size) + fields


def _number_points(family: Numbers) -> Iterator[bytes]:
    field = 3 if family.type == "counter" else 2
    for labels, number in family.numbers:
        yield _bytes(4, _labels(family.labels, labels) + _bytes(field, _double(1, number)))


def _histogram_points(family: Distributions) -> Iterator[bytes]:
    buckets = family.buckets
    uppers = [_double(2, upper) for upper in buckets.uppers]
    for labels, counts, exemplars in family.counted:
        cumulative = buckets.cumulative(counts)
        histogram = b"".join(
            [
                _number(1, cumulative[-1]),
                _double(2, counts[SUM]),
                *_classic(cumulative, uppers, exemplars),
                _native(buckets.native(counts)),
            ]
        )
        yield _bytes(4, _labels(family.labels, labels) + _bytes(7, histogram))


def _classic(cumulative: Sequence[int], uppers: Sequence[bytes], exemplars: Exemplars) -> list[bytes]:
    messages = [_number(1, count) + upper for count, upper in zip(cumulative, uppers, strict=True)]
    for place, exemplar in exemplars.items():
        messages[place] += _bytes(3, _exemplar(exemplar))
    return [_bytes(3, message) for message in messages]


def _native(native: Native) -> bytes:
    spans = [_bytes(12, _number(1, _zigzag(span.offset)) + _number(2, span.length)) for span in native.spans]
    deltas = [_number(13, _zigzag(delta)) for delta in native.deltas]
    zero = _number(7, native.zero_count)
    return b"".join([_SCHEMA_AND_THRESHOLD, zero, *spans, *deltas])


def _exemplar(exemplar: Exemplar) -> bytes:
    seconds, part = divmod(exemplar.at, 1)
    time = _number(1, int(seconds)) + _number(2, int(part * 1e9))
    return _label("trace_id", exemplar.trace_id) + _double(2, exemplar.value) + _bytes(3, time)


def _labels(names: Labels, values: Sequence[str]) -> bytes:
    return b"".join([_label(name, value) for name, value in zip(names, values, strict=True)])


@lru_cache(maxsize=4096)  # the same few come again in every family
def _label(name: str, value: str) -> bytes:
    return _bytes(1, _bytes(1, name.encode()) + _bytes(2, value.encode()))


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _double(field: int, number: float) -> bytes:
    return struct.pack("<Bd", field << 3 | 1, number)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


_ONE_BYTE: Final = [bytes([number]) for number in range(128)]


def _varint(number: int) -> bytes:
    if number < len(_ONE_BYTE):
        return _ONE_BYTE[number]
    parts = bytearray()
    while number >= len(_ONE_BYTE):
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_SCHEMA_AND_THRESHOLD: Final = _number(5, _zigzag(SCHEMA)) + _double(6, ZERO_THRESHOLD)
