"""Parameters as text: forms, queries, PHP's nested names, segments of a path. Everything is UTF-8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, urlencode

from gateway.operators.errors import Declined, Kind

Pairs = Iterable[tuple[str, str]]


def encode_form(pairs: Pairs, *, escape_tilde: bool = False) -> bytes:
    """A body of type application/x-www-form-urlencoded, in the order given: ``a=1+2&b=3``.

    Only letters, digits and ``-._~`` stay as they are. PHP, Java and browsers escape the tilde too (`escape_tilde`),
    which matters where such text is signed.
    """
    return _urlencode(pairs, escape_tilde=escape_tilde).encode("ascii")


def php_query(params: Mapping[str, object]) -> str:
    """What PHP's ``http_build_query`` makes of an array after ``ksort``: ``a%5B0%5D%5Bb%5D=1&c=x+y``.

    The names of the outermost level are in the order of their bytes; those of inner levels keep theirs. Values are
    texts, ints, bools (1 and 0), None (left out), and mappings and sequences of these. Raises `TypeError` for others.
    """
    pairs = (pair for name in sorted(params) for pair in _php_pairs(name, params[name]))
    return _urlencode(pairs, escape_tilde=True)


def query_of(pairs: Pairs) -> str:
    """The part of a URL after the question mark, in the order given: ``a=1%202&b=3``. A space is ``%20``."""
    return urlencode(list(pairs), quote_via=quote, safe="")


def path_part(text: str) -> str:
    """One segment of a URL's path: everything but letters, digits and ``-._~`` is escaped.

    Raises `ValueError` for an empty text, and `Declined` for ``.`` and ``..``: they name another path, escaped or not
    (RFC 3986, 5.2.4 and 6.2.2.2).
    """
    if not text:
        raise ValueError("an empty text is not a segment of a path")
    if text in {".", ".."}:
        raise Declined(Kind.OTHER, "points alone cannot stand in the path of a URL; nothing was sent")
    return quote(text, safe="")


def _urlencode(pairs: Pairs, *, escape_tilde: bool) -> str:
    text = urlencode(list(pairs))
    return text.replace("~", "%7E") if escape_tilde else text


def _php_pairs(name: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case str():
            yield name, value
        case int():  # bool too: true is 1
            yield name, str(int(value))
        case Mapping():
            for key, inner in value.items():
                yield from _php_pairs(f"{name}[{key}]", inner)
        case Sequence() if not isinstance(value, bytes | bytearray):
            for index, inner in enumerate(value):
                yield from _php_pairs(f"{name}[{index}]", inner)
        case _:
            raise TypeError(f"{name} is neither a text nor a whole number nor a collection of these")
