"""Pictures of the boards: what Grafana would show, drawn from a dashboard's own JSON and recorded data.

`record` asks a Prometheus and writes a file; `draw` makes PNGs of it, in an environment that has matplotlib.
"""
