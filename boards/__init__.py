"""Grafana's dashboards as code: `python -m boards` writes `config/grafana` and the tables of `docs/boards.md`.

A board is a tuple of `boards.panel.Panel`; `boards.grafana` makes Grafana's JSON of it. `boards.pictures` draws that
JSON with recorded data, in an environment of its own.
"""
