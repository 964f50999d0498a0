"""Checks between the sections of a configuration, each of which is valid by itself. All are pure functions.

`contradictions` are errors; `advice` is what is allowed but is probably a mistake.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import combinations
from pathlib import Path
from typing import Final

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import SecretStr

from gateway.settings.database_files import missing_database_files, missing_default_authorities
from gateway.settings.deliveries import GAME_REPEATS_S
from gateway.settings.far_sides import OperatorTls
from gateway.settings.file_modes import exposed_journal, exposed_secret, foreign_journal
from gateway.settings.files import unreadable
from gateway.settings.launch import launch_contradictions
from gateway.settings.listeners import ListenerTls, PathSettings, ServerSettings
from gateway.settings.messages import nearest
from gateway.settings.models import DEFAULT_JOURNAL, Settings
from gateway.settings.operators import CredentialSettings, InboundSettings, OperatorSettings
from gateway.settings.paths import can_be_same_path
from gateway.settings.payment_checks import shared_payment_secrets
from gateway.settings.pem_files import holds_a_key, validity_advice, wrong_with_authorities, wrong_with_pair
from gateway.settings.problems import Finding, KeyPath
from gateway.settings.values import duration_text

NEEDED_FOR_TRACING: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")
"""Modules of what requirements/tracing.in lists."""
LEAST_CHARACTERS: Final = 6
GOOD_CHARACTERS: Final = 16
"""How long a caller's password or token must be, and how long it should be: 16 random ones are not guessed, however
many addresses guess together."""
_ANY: Final = {"0.0.0.0", "::", ""}  # noqa: S104 - compared with, not listened on
"""Hosts that take a port at every address."""
_OPEN_MODES: Final = {
    "disable": "is not encrypted to",
    "allow": "is hardly ever encrypted to",
    "prefer": "may be made to go unencrypted to",
}
"""What may become of a connection to a database with an `sslmode` that insists on no TLS."""
_PRIVATE: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"))
) + tuple(map(ip_network, ("fc00::/7", "fe80::/10")))
"""Addresses that are given out within a network (RFC 1918, 6598, 3927, 4193, 4291)."""


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Everything that makes the configuration unusable."""
    yield from _journals(settings)
    yield from _short_keeps(settings)
    yield from _workers_of_one_file(settings)
    yield from missing_database_files(settings)
    for section, listener in settings.listeners:
        yield from _tls_of(listener.tls, (section, "tls"))
    if settings.tracing is not None and not all(map(_is_installed, NEEDED_FOR_TRACING)):
        text = "needs OpenTelemetry, which is not installed: pip install 'mm-wallet-gateway[tracing]'; or remove it"
        yield Finding(("tracing",), text)
    yield from _shared_ports(settings)
    if settings.operators_server is not None:
        yield from _colliding_paths(settings.operators_server.paths)
    if not settings.operators:
        yield Finding(("operators",), "needs at least one operator")
    for name, operator in settings.operators.items():
        yield from _operator(settings, operator, ("operators", name))
    yield from _shared_usernames(settings)
    for key_path in _shorter(LEAST_CHARACTERS, settings):
        yield Finding(key_path, _too_short(f"must have at least {LEAST_CHARACTERS} characters"))
    yield from shared_payment_secrets(settings)


def advice(settings: Settings) -> Iterator[Finding]:
    """Everything that looks like a mistake but may be intended."""
    yield from _slow_operators(settings)
    yield from _open_admin(settings)
    yield from _open_proxies(settings)
    yield from _unused_inbound(settings)
    yield from _unheard_payments(settings)
    yield from _ending_certificates(settings)
    for key_path in _shorter(GOOD_CHARACTERS, settings):
        yield Finding(key_path, _too_short(f"has fewer than {GOOD_CHARACTERS} characters and may be guessed"))
    yield from _exposed_files(settings)
    yield from _open_journals(settings)
    yield from missing_default_authorities(settings)
    used = {operator.journal for operator in settings.operators.values()}
    for name in settings.journals:
        if name not in used:
            yield Finding(("journals", name), "no operator uses this journal")


def _journals(settings: Settings) -> Iterator[Finding]:
    if DEFAULT_JOURNAL in settings.journals:
        key_path = ("journals", DEFAULT_JOURNAL)
        yield Finding(key_path, f'"{DEFAULT_JOURNAL}" is the name of the journal under `journal`; use another name')
    seen = {settings.journal.url: DEFAULT_JOURNAL}
    for name, journal in settings.journals.items():
        if name != DEFAULT_JOURNAL and seen.setdefault(journal.url, name) != name:
            yield Finding(
                ("journals", name, "url"), f"is also the url of the journal {seen[journal.url]}; use that one"
            )


def _workers_of_one_file(settings: Settings) -> Iterator[Finding]:
    files = [name for name, journal in settings.every_journal.items() if journal.sqlite_path is not None]
    if settings.workers > 1 and files:
        yield Finding(
            ("workers",),
            f"is {settings.workers}, but one process alone may write to the SQLite file of journal {', '.join(files)}; "
            "use PostgreSQL there (url: postgresql://…), or workers: 1",
        )


def _shared_ports(settings: Settings) -> Iterator[Finding]:
    for (name, one), (other_name, other) in combinations(settings.listeners, 2):
        if one.port and one.port == other.port and (one.host == other.host or _ANY & {one.host, other.host}):
            yield Finding((other_name, "port"), f"is also the port of `{name}`, {one.port}; use another")


def _colliding_paths(paths: PathSettings) -> Iterator[Finding]:
    """Paths of which one request might mean both."""
    given = [(key, path) for key in PathSettings.model_fields if (path := getattr(paths, key)) is not None]
    for (key, path), (other_key, other) in combinations(given, 2):
        if can_be_same_path(path, other):
            text = f"{other} can be the same path as `{key}`, {path}; write one that differs in a part without {{name}}"
            yield Finding(("operators_server", "paths", other_key), text)


def _short_keeps(settings: Settings) -> Iterator[Finding]:
    """Journals that would forget a transfer while a call about it may still come."""
    # A call about a forgotten transfer looks like one about a transfer never seen, and would be sent a second time.
    for name, journal in settings.every_journal.items():
        least = settings.least_keep(name)
        if journal.keep is not None and journal.keep < least:
            key_path = ("journal",) if name == DEFAULT_JOURNAL else ("journals", name)
            needed = duration_text(least)
            text = (
                f"is {duration_text(journal.keep)}, shorter than {needed}: for that long "
                f"{_who_names(settings.sharing(name))} may still name a finished transfer, and a forgotten one is "
                f"forwarded as a new one; write {needed} or more"
            )
            yield Finding((*key_path, "keep"), text)


def _who_names(operators: dict[str, OperatorSettings]) -> str:
    """Who may still name a finished transfer of these operators the longest, and why."""
    game = f"the game (it repeats its calls for {duration_text(GAME_REPEATS_S)})"
    if not operators:
        return game
    name = max(operators, key=lambda each: operators[each].delivery.named_for)
    delivery = operators[name].delivery
    until, window = duration_text(delivery.until), duration_text(delivery.late_arrival_window)
    return f"{game} or the gateway (operators.{name}.delivery: until {until}, late_arrival_window {window})"


def _operator(settings: Settings, operator: OperatorSettings, key_path: KeyPath) -> Iterator[Finding]:
    if operator.journal not in settings.every_journal:
        hint = nearest(operator.journal, settings.every_journal)
        yield Finding((*key_path, "journal"), f'there is no journal "{operator.journal}"; {hint}')
    if not operator.credentials:
        yield Finding((*key_path, "credentials"), "the game needs at least one username and password to call with")
    for index, credential in enumerate(operator.credentials):
        yield from _credential(credential, (*key_path, "credentials", index))
    if operator.delivery.late_arrival_window >= operator.delivery.until:
        until = duration_text(operator.delivery.until)
        yield Finding((*key_path, "delivery"), f"late_arrival_window must be shorter than until, which is {until}")
    yield from _operator_tls(operator.tls, (*key_path, "tls"))
    for key, text in launch_contradictions(operator.launch) if operator.launch else ():
        yield Finding((*key_path, "launch", *key.split(".")), text)
    if operator.payment is not None:
        yield from _operator_tls(operator.payment.game.tls, (*key_path, "payment", "game", "tls"))
    if operator.inbound is not None:
        yield from _inbound(operator.inbound, (*key_path, "inbound"))


def _inbound(inbound: InboundSettings, key_path: KeyPath) -> Iterator[Finding]:
    for index, credential in enumerate(inbound.credentials):
        yield from _credential(credential, (*key_path, "credentials", index))
    for index, one in enumerate(inbound.tokens):
        yield from _secret_or_hash("token", one.token, one.token_hash, (*key_path, "tokens", index))


def _operator_tls(tls: OperatorTls, key_path: KeyPath) -> Iterator[Finding]:
    missing = [
        finding
        for key in ("ca_file", "cert_file", "key_file")
        for finding in _unreadable(getattr(tls, key), (*key_path, key))
    ]
    yield from missing
    if tls.key_file and not tls.cert_file:
        yield Finding((*key_path, "cert_file"), "is missing: the certificate that belongs to key_file")
    elif not missing:
        yield from _unusable_pem(tls.cert_file, tls.key_file or tls.cert_file, key_path)
        yield from _unusable_authorities(tls.ca_file, (*key_path, "ca_file"))


def _unusable_pem(cert_file: Path | None, key_file: Path | None, key_path: KeyPath) -> Iterator[Finding]:
    if cert_file is not None and key_file is not None:
        for key, text in wrong_with_pair(cert_file, key_file):
            yield Finding((*key_path, key), text)


def _unusable_authorities(file: Path | None, key_path: KeyPath) -> Iterator[Finding]:
    if file is not None and (text := wrong_with_authorities(file)) is not None:
        yield Finding(key_path, text)


def _credential(credential: CredentialSettings, key_path: KeyPath) -> Iterator[Finding]:
    yield from _secret_or_hash("password", credential.password, credential.password_hash, key_path)


def _secret_or_hash(
    key: str, plain: SecretStr | None, hashed: SecretStr | None, key_path: KeyPath
) -> Iterator[Finding]:
    if (plain is None) is (hashed is None):
        yield Finding(key_path, f"give either {key} or {key}_hash")
    if hashed is not None and not _is_hash(hashed.get_secret_value()):
        text = "is not an Argon2 hash; `mm-gateway hash-password` makes one"
        yield Finding((*key_path, f"{key}_hash"), text)


def _shorter(least: int, settings: Settings) -> Iterator[KeyPath]:
    """Where a password or token is shorter than this, with which somebody calls the gateway. A hash does not tell."""
    for key_path, secret in _callers_secrets(settings):
        if secret is not None and len(secret.get_secret_value()) < least:
            yield key_path


def _callers_secrets(settings: Settings) -> Iterator[tuple[KeyPath, SecretStr | None]]:
    yield ("admin", "token"), settings.admin.token
    for name, operator in settings.operators.items():
        yield from _passwords(operator.credentials, ("operators", name, "credentials"))
        if operator.inbound is not None:
            inbound = ("operators", name, "inbound")
            yield from _passwords(operator.inbound.credentials, (*inbound, "credentials"))
            for index, one in enumerate(operator.inbound.tokens):
                yield (*inbound, "tokens", index, "token"), one.token


def _passwords(
    credentials: tuple[CredentialSettings, ...], key_path: KeyPath
) -> Iterator[tuple[KeyPath, SecretStr | None]]:
    for index, one in enumerate(credentials):
        yield (*key_path, index, "password"), one.password


def _too_short(text: str) -> str:
    return f"{text}; `openssl rand -base64 24` makes a good one"


def _is_hash(text: str) -> bool:
    try:
        extract_parameters(text)
    except InvalidHashError:
        return False
    return True


def _shared_usernames(settings: Settings) -> Iterator[Finding]:
    # Under the common path the user name alone says which operator is meant; `path_only` ones are not valid there.
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


def _tls_of(tls: ListenerTls | None, key_path: KeyPath) -> Iterator[Finding]:
    if tls is None:
        return
    missing = [
        finding
        for key in ("cert_file", "key_file", "client_ca_file")
        for finding in _unreadable(getattr(tls, key), (*key_path, key))
    ]
    yield from missing
    if not missing:
        yield from _unusable_pem(tls.cert_file, tls.key_file, key_path)
        yield from _unusable_authorities(tls.client_ca_file, (*key_path, "client_ca_file"))


def _unreadable(file: Path | None, key_path: KeyPath) -> Iterator[Finding]:
    if file is not None and (text := unreadable(file)) is not None:
        yield Finding(key_path, text)


def _slow_operators(settings: Settings) -> Iterator[Finding]:
    request_timeout = settings.server.request_timeout
    for name, operator in settings.operators.items():
        if operator.timeout >= request_timeout:
            text = (
                f"is not below server.request_timeout ({duration_text(request_timeout)}): the game is answered PENDING "
                "before a slow operator has answered; write a shorter one"
            )
            yield Finding(("operators", name, "timeout"), text)


def _open_admin(settings: Settings) -> Iterator[Finding]:
    if settings.admin.token is None and not _is_loopback(settings.admin.host):
        yield Finding(
            ("admin", "host"), "is reachable from other machines without a token; set admin.token, or use 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ending_certificates(settings: Settings) -> Iterator[Finding]:
    for key_path, tls in _every_tls(settings):
        if tls.cert_file is not None and (text := validity_advice(tls.cert_file)) is not None:
            yield Finding((*key_path, "cert_file"), text)


def _exposed_files(settings: Settings) -> Iterator[Finding]:
    for key_path, tls in _every_tls(settings):
        # A key may stand in the file of its certificate, too.
        for file, key in {tls.key_file: "key_file", tls.cert_file: "cert_file"}.items():
            if file is not None and holds_a_key(file) and (text := exposed_secret(str(file))) is not None:
                yield Finding((*key_path, key), text)
    for name, journal in settings.every_journal.items():
        key_path = ("journal",) if name == DEFAULT_JOURNAL else ("journals", name)
        if journal.sqlite_path:
            for text in (*exposed_journal(journal.sqlite_path), *foreign_journal(journal.sqlite_path)):
                yield Finding((*key_path, "url"), text)


def _open_journals(settings: Settings) -> Iterator[Finding]:
    """Journals whose way to the database may be open to whoever is on it."""
    for name, journal in settings.every_journal.items():
        mode = journal.sslmode or os.environ.get("PGSSLMODE", "prefer")
        far = [host for host in journal.hosts if not _is_nearby(host)]
        if far and mode in _OPEN_MODES:
            key_path = ("journal",) if name == DEFAULT_JOURNAL else ("journals", name)
            text = (
                f"{_OPEN_MODES[mode]} {far[0]} (sslmode={mode}): whoever is on the way reads sessions, or "
                "answers in the database's place; add ?sslmode=verify-full, and sslrootcert"
            )
            yield Finding((*key_path, "url"), text)


def _is_nearby(host: str) -> bool:
    """Whether it seems to be on this machine: a socket's folder, a loopback address, or a name as containers have."""
    return host.startswith(("/", "@")) or _is_loopback(host) or not ("." in host or ":" in host)


def _every_tls(settings: Settings) -> Iterator[tuple[KeyPath, ListenerTls | OperatorTls]]:
    """All sections that name certificates and keys."""
    for section, listener in settings.listeners:
        if listener.tls is not None:
            yield (section, "tls"), listener.tls
    for name, operator in settings.operators.items():
        yield ("operators", name, "tls"), operator.tls
        if operator.payment is not None:
            yield ("operators", name, "payment", "game", "tls"), operator.payment.game.tls


def _open_proxies(settings: Settings) -> Iterator[Finding]:
    for section, listener in settings.listeners:
        proxies = listener.trusted_proxies if isinstance(listener, ServerSettings) else ()
        for index, network in enumerate(proxies):
            if network.prefixlen == 0:
                text = "believes X-Forwarded-For from every address; list only your proxies"
                yield Finding((section, "trusted_proxies", index), text)
            elif _is_whole_network(network):
                text = (
                    f"believes X-Forwarded-For from every machine within {network}, each of which can then pass "
                    "allow_ips as whomever it likes; list the addresses of your proxies alone"
                )
                yield Finding((section, "trusted_proxies", index), text)


def _is_whole_network(network: IPv4Network | IPv6Network) -> bool:
    """Whether it is more than a subnet of private addresses, or more than any provider of proxies has."""
    # Providers of proxies publish ranges as wide as /12, all of them public.
    subnet, provider = (24, 8) if network.version == 4 else (64, 16)  # noqa: PLR2004 - the two versions there are
    return network.prefixlen < provider or (network.prefixlen < subnet and any(map(network.overlaps, _PRIVATE)))


def _unheard_payments(settings: Settings) -> Iterator[Finding]:
    for name, operator in settings.operators.items():
        for key in ("payment", "launch"):
            if getattr(operator, key) is None:
                continue
            if settings.operators_server is None:
                text = "nobody can call for it: operators call at `operators_server`, which is not configured"
                yield Finding(("operators", name, key), text)
            elif operator.inbound is None:
                text = "the operator cannot call for it: it has no `inbound`; write at least `inbound: {}`"
                yield Finding(("operators", name, key), text)


def _unused_inbound(settings: Settings) -> Iterator[Finding]:
    able = [name for name, operator in settings.operators.items() if operator.inbound is not None]
    if settings.operators_server is None:
        for name in able:
            text = "is never used: operators call at `operators_server`, which is not configured"
            yield Finding(("operators", name, "inbound"), text)
    elif not able:
        text = "nobody can call there: no operator has `inbound`, which says what it authenticates with"
        yield Finding(("operators_server",), text)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package that the module lies in is missing
        return False
