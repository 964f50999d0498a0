"""What must not come out: tokens and credentials, in any spelling, in any text, log or memory."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from functools import partial
from typing import Final
from urllib.parse import quote, quote_plus

from gateway.operators.adapter import MEMORY_CHARACTERS, MEMORY_ENTRIES, Receipt
from gateway.operators.errors import OperatorError
from gateway.operators.safe_text import secrets_of
from gateway.sandbox.faults import Fault
from gateway.testing.behaviours.answers import HANGING, METHODS
from gateway.testing.behaviours.reads import READS, result_of
from gateway.testing.behaviours.registry import Case, Grade, behaviour
from gateway.testing.subject import Move, Subject
from gateway.testing.workbench import Workbench

FAULTS: Final = tuple(fault for fault in Fault if fault not in {*HANGING, Fault.HUGE})
LONG_ENOUGH: Final = 8
"""Characters: a shorter line of a secret (the end of a key in PEM form) may stand anywhere."""


@behaviour(Grade.SILVER, exemptible=False)
def secrets_stay_inside(subject: Subject) -> Iterator[Case]:
    """The session's token and the secret settings stand in no text, log, warning or output, whatever goes wrong: not as
    they are, nor reversed, in base64, hexadecimal, URLs or JSON. People and log collectors read all of these."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        for fault in FAULTS:
            bench.go_wrong(fault)
            await bench.attempt(move, transfer)
        _expect_no_secret(bench, [outcome.text for outcome in bench.outcomes])

    async def play_read(name: str, bench: Workbench) -> None:
        found = []
        for fault in FAULTS:
            bench.go_wrong(fault)
            found.append(await result_of(READS[name], bench))
        _expect_no_secret(bench, [error.text for error in found if isinstance(error, OperatorError)])

    for move in subject.moves:
        yield Case(move.call, partial(play, move))
    for name in READS:
        yield Case(name, partial(play_read, name))


@behaviour(Grade.SILVER, exemptible=False)
def what_is_remembered_is_small_and_no_secret(subject: Subject) -> Iterator[Case]:
    """What a receipt wants remembered stays within the limits, holds no secret, and is text: people see it."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        receipt = await getattr(bench.operator.adapter, METHODS[move.call])(transfer)
        bench.require(isinstance(receipt, Receipt), "a receipt", receipt)
        texts = [text for entry in receipt.memory.items() for text in entry]
        bench.expect(all(isinstance(text, str) for text in texts), "texts", receipt.memory)
        small = len(receipt.memory) <= MEMORY_ENTRIES and sum(map(len, texts)) <= MEMORY_CHARACTERS
        bench.expect(small, f"at most {MEMORY_ENTRIES} entries, {MEMORY_CHARACTERS} characters", receipt.memory)
        _expect_no_secret(bench, texts)

    return (Case(move.call, partial(play, move)) for move in subject.moves)


def _expect_no_secret(bench: Workbench, told: list[str]) -> None:
    """Looks into these texts, and into what was logged, printed and warned of until now."""
    texts = [*told, *bench.output.texts()]
    secrets = [bench.session.token, *secrets_of(bench.operator.adapter.settings)]
    for secret in (line for each in secrets for line in {each, *each.splitlines()} if len(line) >= LONG_ENOUGH):
        for how, spelling in spellings_of(secret):
            found = [text for text in texts if spelling.lower() in text.lower()]
            bench.expect(found == [], f"no secret in any text (it is there {how})", found[:3])


def spellings_of(secret: str) -> Iterator[tuple[str, str]]:
    """What a secret looks like where somebody has re-encoded it."""
    yield "as it is", secret
    yield "reversed", secret[::-1]
    yield "in hexadecimal", secret.encode().hex()
    yield "percent-encoded", quote(secret, safe="")
    yield "as in a form", quote_plus(secret)
    yield "as in JSON", json.dumps(secret)[1:-1]
    # Within a longer text there is one form for each position in a group of three bytes, with only those characters
    # that the secret alone decides (RFC 4648, section 4).
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        text = b64encode(b"?" * shift + secret.encode()).decode().rstrip("=")
        yield "in base64", text[first:-1]
