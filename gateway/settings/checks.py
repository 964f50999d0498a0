"""What must hold between the parts of a configuration, each of which is right by itself: pure functions.

`contradictions` are errors; `advice` is what is allowed but probably not meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

from gateway.settings.deliveries import GAME_REPEATS_S
from gateway.settings.listeners import ListenerTls
from gateway.settings.messages import nearest
from gateway.settings.models import DEFAULT_JOURNAL, Settings
from gateway.settings.operators import CredentialSettings, OperatorSettings
from gateway.settings.problems import KeyPath
from gateway.settings.values import duration_text


class Finding(NamedTuple):
    """Something about the value at a place."""

    place: KeyPath
    text: str


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Everything for which the configuration cannot be used."""
    yield from _journals(settings)
    yield from _short_memories(settings)
    yield from _tls_of(settings.server.tls, ("server", "tls"))
    yield from _tls_of(settings.admin.tls, ("admin", "tls"))
    if not settings.operators:
        yield Finding(("operators",), "needs at least one operator")
    for name, operator in settings.operators.items():
        yield from _operator(settings, operator, ("operators", name))
    yield from _shared_usernames(settings)


def advice(settings: Settings) -> Iterator[Finding]:
    """Everything that looks like a mistake, but may be meant."""
    yield from _slow_operators(settings)
    yield from _open_admin(settings)
    yield from _trusting_everybody(settings)
    used = {operator.journal for operator in settings.operators.values()}
    for name in settings.journals:
        if name not in used:
            yield Finding(("journals", name), "no operator uses this journal")


def _journals(settings: Settings) -> Iterator[Finding]:
    if DEFAULT_JOURNAL in settings.journals:
        place = ("journals", DEFAULT_JOURNAL)
        yield Finding(place, f'"{DEFAULT_JOURNAL}" is what operators call the one under `journal`; use another name')
    seen = {settings.journal.url: DEFAULT_JOURNAL}
    for name, journal in settings.journals.items():
        if name != DEFAULT_JOURNAL and seen.setdefault(journal.url, name) != name:
            yield Finding(
                ("journals", name, "url"), f"is also the url of the journal {seen[journal.url]}; use that one"
            )


def _short_memories(settings: Settings) -> Iterator[Finding]:
    """Journals that would forget a transfer while a call about it may still come."""
    for name, journal in settings.every_journal.items():
        least = settings.least_keep(name)
        if journal.keep is not None and journal.keep < least:
            place = ("journal",) if name == DEFAULT_JOURNAL else ("journals", name)
            needed = duration_text(least)
            text = (
                f"is {duration_text(journal.keep)}, shorter than {needed}: for that long "
                f"{_who_names(settings.sharing(name))} may still name a finished transfer, and what is forgotten is "
                f"sent on as something new; write {needed} or more"
            )
            yield Finding((*place, "keep"), text)


def _who_names(operators: dict[str, OperatorSettings]) -> str:
    """Who may name a finished transfer of these operators longest, and why."""
    game = f"the game (it repeats its calls for {duration_text(GAME_REPEATS_S)})"
    if not operators:
        return game
    name = max(operators, key=lambda each: operators[each].delivery.named_for)
    plan = operators[name].delivery
    until, window = duration_text(plan.until), duration_text(plan.late_arrival_window)
    return f"{game} or the gateway (operators.{name}.delivery: until {until}, late_arrival_window {window})"


def _operator(settings: Settings, operator: OperatorSettings, place: KeyPath) -> Iterator[Finding]:
    if operator.journal not in settings.every_journal:
        hint = nearest(operator.journal, settings.every_journal)
        yield Finding((*place, "journal"), f'there is no journal "{operator.journal}"; {hint}')
    if not operator.credentials:
        yield Finding((*place, "credentials"), "the game needs at least one username and password to call with")
    for index, credential in enumerate(operator.credentials):
        yield from _credential(credential, (*place, "credentials", index))
    if operator.delivery.late_arrival_window >= operator.delivery.until:
        until = duration_text(operator.delivery.until)
        yield Finding((*place, "delivery"), f"late_arrival_window must be shorter than until, which is {until}")
    for key in ("ca_file", "cert_file", "key_file"):
        yield from _unreadable(getattr(operator.tls, key), (*place, "tls", key))
    if operator.tls.key_file and not operator.tls.cert_file:
        yield Finding((*place, "tls", "cert_file"), "is missing: the certificate that belongs to key_file")


def _credential(credential: CredentialSettings, place: KeyPath) -> Iterator[Finding]:
    if (credential.password is None) is (credential.password_hash is None):
        yield Finding(place, "give either password or password_hash")
    hashed = credential.password_hash
    if hashed is not None and not _is_hash(hashed.get_secret_value()):
        text = "is no Argon2 hash; `mm-gateway hash-password` makes one"
        yield Finding((*place, "password_hash"), text)


def _is_hash(text: str) -> bool:
    try:
        extract_parameters(text)
    except InvalidHashError:
        return False
    return True


def _shared_usernames(settings: Settings) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, operator in settings.operators.items():
        if operator.path_only:
            continue
        for index, credential in enumerate(operator.credentials):
            owner = owners.setdefault(credential.username, name)
            if owner != name:
                text = (
                    f"is also a username of {owner}, and the username chooses the operator; use another, or path_only"
                )
                yield Finding(("operators", name, "credentials", index, "username"), text)


def _tls_of(tls: ListenerTls | None, place: KeyPath) -> Iterator[Finding]:
    if tls is not None:
        for key in ("cert_file", "key_file", "client_ca_file"):
            yield from _unreadable(getattr(tls, key), (*place, key))


def _unreadable(file: Path | None, place: KeyPath) -> Iterator[Finding]:
    if file is None:
        return
    if not os.path.isfile(file):  # noqa: PTH113 - unlike Path's, it says no where the name is none or the way is barred
        yield Finding(place, f"there is no file {file}")
    elif not os.access(file, os.R_OK):
        yield Finding(place, f"the file {file} may not be read by this user")


def _slow_operators(settings: Settings) -> Iterator[Finding]:
    patience = settings.server.request_timeout
    for name, operator in settings.operators.items():
        if operator.timeout >= patience:
            text = (
                f"is not below server.request_timeout ({duration_text(patience)}): a slow answer of the operator comes"
                " after the game was told that the end is still being worked on"
            )
            yield Finding(("operators", name, "timeout"), text)


def _open_admin(settings: Settings) -> Iterator[Finding]:
    if settings.admin.token is None and not _is_loopback(settings.admin.host):
        yield Finding(("admin", "host"), "is reachable from other machines, and no admin.token is asked for")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trusting_everybody(settings: Settings) -> Iterator[Finding]:
    for index, network in enumerate(settings.server.trusted_proxies):
        if network.prefixlen == 0:
            yield Finding(("server", "trusted_proxies", index), "believes everybody's X-Forwarded-For")
