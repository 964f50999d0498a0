"""Operators whose wallet speaks Hub88's operator protocol.

`settings` is what is agreed with the operator, `adapter` writes the requests and says what each status proves.
`simulated` is the same protocol seen from the operator's side, for the sandbox and the tests; `sandbox_key` is the key
that it trusts.
"""

from adapters.hub88.adapter import Hub88
from adapters.hub88.settings import Hub88Settings

__all__ = ["Hub88", "Hub88Settings"]
