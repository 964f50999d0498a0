"""`python -m gateway.cli` runs `mm-gateway`, wherever its script was installed."""

from __future__ import annotations

from gateway.cli.main import main

main()
