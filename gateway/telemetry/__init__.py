"""Metrics, logs and traces: what the gateway shows of itself while it runs.

- `metrics.py`: every metric by name; `series.py`: cheap counters and histograms; `gauges.py`: values read at the scrape
- `logs.py`: one line per event, and the redaction of secrets
- `tracing.py`: spans for a collector; the only module that imports OpenTelemetry, which is an extra
"""
