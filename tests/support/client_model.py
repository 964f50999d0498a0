"""Prometheus' protobuf messages, read by the protobuf library: what the gateway's own encoder is checked with.

They are those of `io/prometheus/client/metrics.proto` in github.com/prometheus/client_model, as far as the gateway
writes them.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

_Field = descriptor_pb2.FieldDescriptorProto
_KINDS: Final = {
    "string": _Field.TYPE_STRING,
    "double": _Field.TYPE_DOUBLE,
    "uint64": _Field.TYPE_UINT64,
    "uint32": _Field.TYPE_UINT32,
    "int64": _Field.TYPE_INT64,
    "int32": _Field.TYPE_INT32,
    "sint32": _Field.TYPE_SINT32,
    "sint64": _Field.TYPE_SINT64,
}
_MESSAGES: Final = {
    "LabelPair": "name:string=1 value:string=2",
    "Gauge": "value:double=1",
    "Counter": "value:double=1 exemplar:Exemplar=2",
    "Histogram": (
        "sample_count:uint64=1 sample_sum:double=2 bucket:Bucket*=3 schema:sint32=5 zero_threshold:double=6 "
        "zero_count:uint64=7 positive_span:BucketSpan*=12 positive_delta:sint64*=13"
    ),
    "Bucket": "cumulative_count:uint64=1 upper_bound:double=2 exemplar:Exemplar=3",
    "BucketSpan": "offset:sint32=1 length:uint32=2",
    "Timestamp": "seconds:int64=1 nanos:int32=2",
    "Exemplar": "label:LabelPair*=1 value:double=2 timestamp:Timestamp=3",
    "Metric": "label:LabelPair*=1 gauge:Gauge=2 counter:Counter=3 histogram:Histogram=7",
    "MetricFamily": "name:string=1 help:string=2 type:int32=3 metric:Metric*=4",
}

COUNTER, GAUGE, HISTOGRAM = 0, 1, 4
"""Values of `MetricFamily.type`."""


def families(page: bytes) -> dict[str, Any]:
    """The `MetricFamily` messages of a page, by name. Fails if one holds what the messages above do not have."""
    rest = BytesIO(page)
    found = {}
    while family := parse_length_prefixed(MetricFamily, rest):
        found[family.name] = family
    again = BytesIO()
    for family in found.values():
        serialize_length_prefixed(family, again)
    assert again.getvalue() == page
    return found


def _build() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="io.prometheus.client", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields.split():
            declared, number = field.split("=")
            field_name, kind = declared.split(":")
            added = message.field.add(name=field_name, number=int(number))
            added.label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
            kind = kind.rstrip("*")
            if kind in _KINDS:
                added.type = _KINDS[kind]
            else:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".io.prometheus.client.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("io.prometheus.client.MetricFamily"))


MetricFamily: Final = _build()
