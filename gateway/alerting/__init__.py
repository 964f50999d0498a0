"""Rules for Prometheus: what is recorded, and when a person is told. `mm-gateway rules` prints them.

- `rule.py`: what an alert and a recording rule are; `scale.py`: their times, shortened for trials
- `recordings.py`, `operators.py`, `objectives.py`, `journals.py`, `process.py`: the tables of rules
- `rules_file.py`: all of them as the file that Prometheus reads
"""
