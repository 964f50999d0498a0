"""The journals: where transfers are kept durably."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.settings.section import Section
from gateway.settings.values import Timeout

KEY_BYTES: Final = 32
SQLITE_PREFIX: Final = "sqlite:///"
_URL_PATTERN: Final = rf"^({SQLITE_PREFIX}.+|postgres(ql)?://.+)$"


def key_bytes(text: str) -> bytes:
    """Decodes an encryption key from base64, standard or URL-safe (RFC 4648 sections 4 and 5). Raises `ValueError`."""
    key = base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError(f"{len(key)} bytes instead of {KEY_BYTES}")
    return key


def _journal_url(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("postgres://", "postgresql://")) and _has_unescaped(value):
        raise PydanticCustomError(
            "journal_url",
            "holds a / @ # or ? of a password or name as it is; percent-encode them: %2F, %40, %23, %3F",
        )
    if isinstance(value, str) and re.match(_URL_PATTERN, value) and _has_valid_hosts(value):
        return value
    raise PydanticCustomError("journal_url", "must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")


def _has_unescaped(url: str) -> bool:
    """Whether a password or user name seems to hold what ends it: the rest would be taken for host, port or path."""
    rest = url.partition("://")[2]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    behind = rest[len(authority) :]
    # "#" means nothing in such a URL. "@" behind the authority, which has none itself, was to end the password.
    return "#" in rest or authority.count("@") > 1 or ("@" in behind and "@" not in authority)


def _has_valid_hosts(url: str) -> bool:
    """Whether each host and port can be parsed. Several hosts, separated by commas, are a database and its standbys."""
    try:
        # `port` raises ValueError for a port that is not a number; 0 cannot be connected to.
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
        return all(urlsplit(f"//{host}").port != 0 for host in hosts)
    except ValueError:
        return False


def _encryption_key(value: SecretStr) -> SecretStr:
    try:
        key_bytes(value.get_secret_value())
    except (binascii.Error, ValueError):
        raise PydanticCustomError(
            "encryption_key",
            f"must be {KEY_BYTES} random bytes in base64; `openssl rand -base64 {KEY_BYTES}` makes one",
        ) from None
    return value


JournalUrl = Annotated[
    str,
    BeforeValidator(_journal_url),
    WithJsonSchema({"type": "string", "pattern": _URL_PATTERN, "examples": ["sqlite:///journal.db"]}),
]
EncryptionKey = Annotated[SecretStr, AfterValidator(_encryption_key)]


class JournalSettings(Section):
    """One journal."""

    url: JournalUrl = Field(repr=False)
    """`sqlite:///journal.db` (a file beside the process; four slashes for an absolute path) for one gateway, or
    `postgresql://…` for any number of them."""

    encryption_key: EncryptionKey | None = None
    """Encrypts session tokens at rest: 32 random bytes in base64. Without it they are stored in plain text."""

    former_encryption_keys: tuple[EncryptionKey, ...] = ()
    """Earlier values of `encryption_key`: tokens that were encrypted with them can still be read, until those are
    pruned."""

    read_unencrypted: bool = False
    """Whether session tokens that were stored without a key are still read where there is one. Set it together with the
    first `encryption_key`, until every gateway has that key and the transfers of before have ended."""

    keep: Timeout | None = None
    """How long finished transfers are kept; without it for ever. A call about a transfer that is forgotten is treated
    as one about a transfer that was never seen (see unknown_transfers). So keep them as long as such a call may come:
    for 48 hours, in which the game repeats its calls, or `delivery.until` if that is longer, plus
    `delivery.late_arrival_window`."""

    connections: Annotated[int, Field(ge=2, le=1000)] = 8
    """PostgreSQL: how many connections each gateway opens at most."""

    connect_timeout: Timeout = 5.0
    """PostgreSQL: how long connecting may take."""

    statement_timeout: Timeout = 5.0
    """How long one transaction may take before the journal counts as unavailable."""

    @property
    def sqlite_path(self) -> str | None:
        """The path of the SQLite file that `url` names, relative to the working directory unless it begins with a
        slash. None where the URL is another store's."""
        return self.url.removeprefix(SQLITE_PREFIX) if self.url.startswith(SQLITE_PREFIX) else None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that the URL of a PostgreSQL journal names, without ports; empty for SQLite, and for the system's
        own socket."""
        if self.sqlite_path is not None:
            return ()
        parts = urlsplit(self.url)
        places = [*parts.netloc.rpartition("@")[2].split(","), *self.parameter("host").split(",")]
        return tuple(name for place in places if (name := unquote(urlsplit(f"//{place}").hostname or "") or place))

    @property
    def sslmode(self) -> str:
        """Whether the connection to PostgreSQL is encrypted, as the URL says it; empty if it says nothing."""
        return self.parameter("sslmode")

    def parameter(self, name: str) -> str:
        """A parameter of the URL of a PostgreSQL journal, percent-decoded; empty if it is not given."""
        return parse_qs(urlsplit(self.url).query).get(name, [""])[-1]

    @property
    def passwords(self) -> tuple[str, ...]:
        """The passwords in `url`, as written and percent-decoded, for redaction; empty if there is none."""
        password = urlsplit(self.url).password
        given = (self.parameter(name) for name in ("password", "sslpassword"))
        return (*((password, unquote(password)) if password else ()), *filter(None, given))
