"""Prometheus' text format, and OpenMetrics: the same lines, with exemplars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.telemetry.buckets import SUM
from gateway.telemetry.families import Distributions, Exemplar, Labels, Numbers, bound_text


class TextFormat:
    """Prometheus' text format 0.0.4."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"
    end = b""

    def pieces(self, family: Numbers | Distributions) -> Iterator[bytes]:
        """A family's part of the page: its head, then all lines of one combination of label values after the other."""
        yield self._head(family)
        yield from _number_lines(family) if isinstance(family, Numbers) else self._histogram_lines(family)

    def _head(self, family: Numbers | Distributions) -> bytes:
        return _head_lines(_sample_name(family), family)

    def _histogram_lines(self, family: Distributions) -> Iterator[bytes]:
        name, buckets = family.name, family.buckets
        middles = [f'le="{bound_text(upper)}"}} ' for upper in buckets.uppers]
        for labels, counts, exemplars in family.counted:
            named = _label_text(family.labels, labels)
            start = f"{name}_bucket{{{named}," if named else f"{name}_bucket{{"
            cumulative = buckets.cumulative(counts)
            lines = [f"{start}{middle}{count}.0" for middle, count in zip(middles, cumulative, strict=True)]
            for place, exemplar in exemplars.items():
                lines[place] += self._exemplar_text(exemplar)
            braced = f"{{{named}}}" if named else ""
            lines.append(f"{name}_count{braced} {cumulative[-1]}.0")
            lines.append(f"{name}_sum{braced} {number_text(counts[SUM])}\n")
            yield "\n".join(lines).encode()

    def _exemplar_text(self, _exemplar: Exemplar) -> str:
        return ""  # this format has none


class OpenMetricsFormat(TextFormat):
    """OpenMetrics 1.0."""

    content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    end = b"# EOF\n"

    def _head(self, family: Numbers | Distributions) -> bytes:
        return _head_lines(family.name, family)  # here the name of a counter is that without `_total`

    def _exemplar_text(self, exemplar: Exemplar) -> str:
        return f' # {{trace_id="{_escape(exemplar.trace_id)}"}} {number_text(exemplar.value)} {exemplar.at:.3f}'


def number_text(number: float) -> str:
    """A number as both formats write it."""
    if type(number) is int:  # most are, and a bool must not get here
        return f"{number}.0"  # as everybody who reads the page by eye or with grep knows it
    text = repr(float(number))
    return _WORDS.get(text, text)


_WORDS = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def _sample_name(family: Numbers | Distributions) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _head_lines(name: str, family: Numbers | Distributions) -> bytes:
    text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n".encode()


def _number_lines(family: Numbers) -> Iterator[bytes]:
    name = _sample_name(family)
    for labels, number in family.numbers:
        named = _label_text(family.labels, labels)
        braced = f"{{{named}}}" if named else ""
        yield f"{name}{braced} {number_text(number)}\n".encode()


def _label_text(names: Labels, values: Sequence[str]) -> str:
    """Sorted by name, as most exporters write them, so that a line can be looked for as text."""
    return ",".join([f'{name}="{_escape(value)}"' for name, value in sorted(zip(names, values, strict=True))])


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
