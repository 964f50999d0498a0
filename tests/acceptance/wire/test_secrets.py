"""What an operator and a game repeat of secrets, in any spelling, reaches nobody: not the game, not the journal, no
list, no log, no metric."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from gateway.wire.calls import WalletCall
from tests.support.gateway_process import GatewayProcess
from tests.support.rude_operator import Line, rude_operator
from tests.support.wallet_client import post

USER: Final = "game-acme"
FAR: Final = "Tr0ub4dor&3/<correct>+horse"
NEAR: Final = "n3ar-S3cret_of*the;game"
PAYMENT: Final = 'paym3nt\'s "Secret"'
CALLBACK: Final = "callb4ck-Secret-of-Acme"
LAUNCH: Final = "l4unch\\Secret/of-Acme"
TOKEN: Final = "0fabcdc4-fe07-44f2-b968-93da3b324898"
KEY: Final = b64encode(bytes(range(32))).decode()
"""With it the journal keeps no token as it is."""

SECRETS: Final = (FAR, NEAR, PAYMENT, CALLBACK, LAUNCH, TOKEN)

Spell = Callable[[str], str]


def base64_behind(before: str, encode: Callable[[bytes], bytes] = b64encode) -> Spell:
    return lambda secret: encode(f"{before}{secret}|".encode()).decode()


def json_escaped(secret: str) -> str:
    return "".join(f"\\u{ord(letter):04X}" for letter in secret)


def percent(secret: str) -> str:
    """Every character, the digits in letters of either size."""
    codes = (f"%{ord(letter):02x}" for letter in secret)
    return "".join(code.upper() if number % 2 else code for number, code in enumerate(codes))


SPELLINGS: Final[dict[str, Spell]] = {
    "as it is": str,
    "in other letters": str.swapcase,
    "basic": lambda secret: f"basic {b64encode(f'{USER}:{secret}'.encode()).decode()}",
    "BASIC in large letters": lambda secret: b64encode(f"{USER}:{secret}".encode()).decode().upper(),
    "basic in small letters": lambda secret: b64encode(f"{USER}:{secret}".encode()).decode().lower(),
    "base64": base64_behind(""),
    "base64, one further": base64_behind("x"),
    "base64, two further": base64_behind("xy"),
    "base64 for addresses": base64_behind("xy", urlsafe_b64encode),
    "base64 without padding": lambda secret: b64encode(secret.encode()).decode().rstrip("="),
    "base64 in lines": lambda secret: "\r\n".join(re.findall(".{1,8}", b64encode(secret.encode()).decode())),
    "base64 in an address": lambda secret: quote(b64encode(secret.encode()).decode(), safe=""),
    "base64 in JSON": lambda secret: json_escaped(b64encode(secret.encode()).decode()),
    "percent": lambda secret: quote(secret, safe=""),
    "percent, all": percent,
    "percent twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "form": quote_plus,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON, all": json_escaped,
    "JSON twice": lambda secret: json_escaped(secret).replace("\\", "\\\\"),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "hex with colons": lambda secret: secret.encode().hex(":"),
    "bytes of Python": lambda secret: "".join(f"\\x{ord(letter):02x}" for letter in secret),
    "HTML": escape,
    "HTML, all": lambda secret: "".join(f"&#x{ord(letter):x};" for letter in secret),
    "base64 twice": lambda secret: b64encode(b64encode(secret.encode())).decode(),
    "credentials in base64 twice": lambda secret: b64encode(b64encode(f"{USER}:{secret}".encode())).decode(),
    "hex in base64": lambda secret: b64encode(secret.encode().hex().encode()).decode(),
    "base64 in hex": lambda secret: b64encode(secret.encode()).hex(),
    "address in base64": lambda secret: b64encode(quote(secret, safe="").encode()).decode(),
    "backwards": lambda secret: secret[::-1],
    "split by control characters": "\x01".join,
    "split by what nobody sees": "\u200b".join,
    "split by a line": lambda secret: f"{secret[:7]}\n{secret[7:]}",
    "MD5": lambda secret: hashlib.md5(secret.encode()).hexdigest(),
    "SHA-256": lambda secret: hashlib.sha256(secret.encode()).hexdigest().upper(),
}


@asynccontextmanager
async def echoing_gateway(folder: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway whose operator answers HTTP 500 to every call, and repeats what its transfer's id stands for."""

    async def behave(line: Line) -> None:
        while True:
            asked = json.loads((await line.request()).partition(b"\r\n\r\n")[2])
            how, secret = asked["mmTransactionId"].split(".")
            answer = f"wrong: {spelled(how, secret)}".encode()
            await line.send(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

    async with rude_operator(behave) as operator:
        acme = {
            "adapter": "quantum",
            "settings": {"base_url": f"http://127.0.0.1:{operator.port}/wallet/", "username": USER, "password": FAR},
            "credentials": [{"username": "acme", "password": NEAR}],
            "breaker": {"failures": 1_000_000},
            "payment": {
                "settings": {"secrets": [PAYMENT]},
                "currency": "EUR",
                "game": {"url": "http://127.0.0.1:9/paid", "secret": CALLBACK},
            },
            "launch": {"url": "https://game.example/", "signature": {"secret": LAUNCH}},
        }
        log = {"audit": str(folder / "audit.log"), "level": "debug"}
        config = {"operators": {"acme": acme}, "log": log, "journal": {"encryption_key": KEY}}
        async with GatewayProcess(config, folder) as gateway:
            yield gateway


def spelled(how: str, secret: str) -> str:
    return list(SPELLINGS.values())[int(how)](SECRETS[int(secret)])


IDS: Final = [f"{how}.{secret}" for how in range(len(SPELLINGS)) for secret in range(len(SECRETS))]


async def call(gateway: GatewayProcess, name: WalletCall, id: str, **fields: str) -> str:
    """The body of the answer."""
    content = {"token": TOKEN, "mmTransactionId": id, "amount": {"amount": 1, "currencyCode": "XAG"}, **fields}
    return (await post(gateway.wallet_url, name, json.dumps(content).encode(), f"acme:{NEAR}")).body.decode()


async def everything_kept(gateway: GatewayProcess, folder: Path) -> list[str]:
    """All that anybody reads afterwards, each line of it."""
    limit = ("--limit", "10000")
    commands = (("transfers", *limit), ("transfers", "--json", *limit), ("rollbacks", "--csv", *limit))
    shown = [(await gateway.command(*words))[1] for words in commands]
    shown += [(await gateway.command("transfers", "show", id))[1] for id in IDS[:2]]
    return [*shown, *files_in(folder), await gateway.metrics()]


def files_in(folder: Path) -> list[str]:
    files = [folder / "audit.log", folder / "gateway.log", *folder.glob("journal.db*")]
    return [each.read_bytes().decode(errors="replace") for each in files]


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def leaked(texts: list[str]) -> dict[str, str]:
    """What stands in a text of the ids' secrets, as they are spelled, or by their letters and digits; and around it."""
    whole = "\n".join(texts).lower()
    squeezed = letters(whole)
    found = {}
    for id in IDS:
        text = spelled(*id.split(".")).lower()
        for form, place in ((text, whole), (letters(text), squeezed)):
            if (at := place.find(form)) >= 0:
                found[id] = place[max(0, at - 100) : at + len(form) + 20]
    return found


async def test_what_an_operator_repeats_of_a_secret_reaches_nobody(tmp_path: Path) -> None:
    async with echoing_gateway(tmp_path) as gateway:
        answers = [await call(gateway, WalletCall.WITHDRAW, id) for id in IDS]
        kept = await everything_kept(gateway, tmp_path)
    assert {id for id, answer in zip(IDS, answers, strict=True) if "[hidden]" not in answer} == set()
    assert leaked([*answers, *kept]) == {}


async def test_what_the_game_writes_of_a_secret_is_kept_nowhere(tmp_path: Path) -> None:
    async with echoing_gateway(tmp_path) as gateway:
        answers = []
        for id in IDS:
            said = f"it said: {spelled(*id.split('.'))}"
            answers.append(await call(gateway, WalletCall.WITHDRAW, id, txDescription=said))
            answers.append(await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, id, rollbackReason=said))
        kept = await everything_kept(gateway, tmp_path)
    assert leaked([*answers, *kept]) == {}
