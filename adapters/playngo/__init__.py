"""Operators whose wallet serves Play'n GO's seamless wallet protocol.

`settings` is what is agreed with the operator; `adapter` writes the requests and says what each answer proves.
`simulated` is the same protocol seen from the operator's side, for the sandbox and the tests.
"""

from adapters.playngo.adapter import Playngo
from adapters.playngo.settings import PlayngoSettings

__all__ = ["Playngo", "PlayngoSettings"]
