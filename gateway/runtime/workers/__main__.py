"""`python -m gateway.runtime.workers`: a worker process, which only its parent starts."""

from __future__ import annotations

import sys

from gateway.runtime.workers.worker import main

main(sys.argv[1:])
