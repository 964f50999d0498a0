"""Metrics, logs and traces: what the gateway shows of itself while it runs.

- `metrics.py`: every metric by name; `series.py`: cheap counters and histograms; `gauges.py`: values read at the scrape
- `buckets.py`: histograms in both of Prometheus' forms; `exposition.py`: the page, as `negotiation.py` chooses by
  `text_format.py` or `protobuf_format.py`; `objectives.py`: which calls count as good; `memory_limit.py`: the cgroup's
- `logs.py`: one line per event; `redaction.py`: secrets in it; `repeats.py`: a limit for what comes again and again;
  `call_context.py`: of which call it is; `audit.py`: the audit stream; `output.py`: where all lines go
- `tracing.py`: spans for a collector; the only module that imports OpenTelemetry, which is an extra
"""
