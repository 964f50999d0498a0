"""Metrics and logs: what the gateway shows of itself while it runs.

- `metrics.py`: every metric by name; `series.py`: cheap counters and histograms; `gauges.py`: values read at the scrape
- `logs.py`: one line per event, and the redaction of secrets
"""
