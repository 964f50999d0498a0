"""The table of attacks. Each is a function of an `Attacker` that goes on until its time is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from tests.attack import answers, bodies, connections, guesses, requests
from tests.attack.target import Attacker


class Attack(msgspec.Struct, frozen=True):
    """What is tried, in words, and how. `in_short`: also played by `make test`."""

    what: str
    run: Callable[[Attacker], Awaitable[None]]
    in_short: bool = False


ATTACKS: Final = {
    "silent": Attack("hundreds of connections that say nothing, to each listener", connections.silent, in_short=True),
    "handshakes": Attack("TLS handshakes that are never finished", connections.unfinished_handshakes),
    "storm": Attack("connections that are opened and reset at once", connections.open_and_reset),
    "heads": Attack("a thousand heads of many long lines, none finished", connections.unfinished_heads, in_short=True),
    "dripping heads": Attack("heads that come byte by byte", connections.dripping_heads),
    "never reading": Attack("requests whose answers are never read", connections.never_reading),
    "pipelining": Attack("thousands of requests on one connection at once", connections.pipelining),
    "scrapes": Attack("metrics asked for and not read", connections.unread_scrapes),
    "brackets": Attack("bodies of eight megabytes of brackets", bodies.brackets, in_short=True),
    "nesting": Attack("bodies of every kind of nesting, many members, long numbers", bodies.odd_json),
    "reasons": Attack("rollbacks with reasons of eight megabytes", bodies.large_reasons),
    "dripping bodies": Attack("large bodies that come slowly", bodies.dripping_bodies),
    "many reasons": Attack("one rollback again and again, each time with another reason", bodies.many_reasons),
    "unread bodies": Attack("bodies announced by those who have no credentials", bodies.strangers_bodies),
    "passwords": Attack("wrong passwords from thirty addresses", guesses.passwords, in_short=True),
    "guesses": Attack("thousands of guesses from one address", guesses.many_from_one),
    "tokens": Attack("guesses at the operators' and the admin listener", guesses.tokens),
    "forged payments": Attack("forged callbacks of payments", guesses.forged_payments),
    "smuggling": Attack("malformed requests of every kind", requests.malformed),
    "chunks": Attack("chunks with endless extensions, of one byte each", requests.endless_chunks),
    "targets": Attack("paths and headers that do not exist, long ones, odd ones", requests.odd_targets),
    "ids": Attack("an operator whose players have ids of megabytes", answers.long_ids),
    "answers": Attack("an operator whose answers are huge, deep, endless or slow", answers.odd_answers),
    "sessions": Attack("a new session with every call", answers.ever_new_sessions),
}
