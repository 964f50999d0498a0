"""Small tools that keep adapters short: addresses, signatures, amounts, ids, forms, XML, error tables, tokens.

They do no I/O but through the `Http` that they are given, and know no contract. What an adapter is stands in
`gateway.operators`.
"""

from gateway.toolbox.amounts import (
    ISO_4217_PLACES,
    decimal_number,
    decimal_text,
    from_decimal,
    from_minor_units,
    minor_units,
)
from gateway.toolbox.currencies import Currencies, CurrencyCodes, games_code, operators_code
from gateway.toolbox.forms import encode_form, path_part, php_query, query_of
from gateway.toolbox.http import BaseUrl, Url, answer_members, basic_auth, excerpt_of_members, http_error
from gateway.toolbox.ids import derived_uuid, rollback_step, safe_id, transfer_hex, transfer_number, transfer_uuid
from gateway.toolbox.meanings import Meanings, Means, require_done
from gateway.toolbox.rsa import (
    SIGNING_POOL,
    is_rsa_sha256_base64,
    read_rsa_key,
    rsa_sha256_base64,
    rsa_sha256_base64_async,
)
from gateway.toolbox.session_tokens import TokenParts, TokenTemplate, known_player, session_currency, session_player
from gateway.toolbox.signing import (
    Algorithm,
    hmac_base64,
    hmac_hex,
    listed_values,
    md5_hex,
    sha1_hex,
    sha256_hex,
    sorted_pairs,
    sorted_values,
)
from gateway.toolbox.tokens import ExpiringTokens, Token, client_credentials
from gateway.toolbox.xml import XmlMember, build_xml, parse_xml, text_at

__all__ = [
    "ISO_4217_PLACES",
    "SIGNING_POOL",
    "Algorithm",
    "BaseUrl",
    "Currencies",
    "CurrencyCodes",
    "ExpiringTokens",
    "Meanings",
    "Means",
    "Token",
    "TokenParts",
    "TokenTemplate",
    "Url",
    "XmlMember",
    "answer_members",
    "basic_auth",
    "build_xml",
    "client_credentials",
    "decimal_number",
    "decimal_text",
    "derived_uuid",
    "encode_form",
    "excerpt_of_members",
    "from_decimal",
    "from_minor_units",
    "games_code",
    "hmac_base64",
    "hmac_hex",
    "http_error",
    "is_rsa_sha256_base64",
    "known_player",
    "listed_values",
    "md5_hex",
    "minor_units",
    "operators_code",
    "parse_xml",
    "path_part",
    "php_query",
    "query_of",
    "read_rsa_key",
    "require_done",
    "rollback_step",
    "rsa_sha256_base64",
    "rsa_sha256_base64_async",
    "safe_id",
    "session_currency",
    "session_player",
    "sha1_hex",
    "sha256_hex",
    "sorted_pairs",
    "sorted_values",
    "text_at",
    "transfer_hex",
    "transfer_number",
    "transfer_uuid",
]
