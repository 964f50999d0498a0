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
from gateway.toolbox.http import BaseUrl, basic_auth, http_error
from gateway.toolbox.rsa import (
    SIGNING_POOL,
    is_rsa_sha256_base64,
    read_rsa_key,
    rsa_sha256_base64,
    rsa_sha256_base64_async,
)
from gateway.toolbox.signing import (
    hmac_base64,
    hmac_hex,
    listed_values,
    md5_hex,
    sha1_hex,
    sha256_hex,
    sorted_pairs,
    sorted_values,
)

__all__ = [
    "ISO_4217_PLACES",
    "SIGNING_POOL",
    "BaseUrl",
    "Currencies",
    "CurrencyCodes",
    "basic_auth",
    "decimal_number",
    "decimal_text",
    "from_decimal",
    "from_minor_units",
    "games_code",
    "hmac_base64",
    "hmac_hex",
    "http_error",
    "is_rsa_sha256_base64",
    "listed_values",
    "md5_hex",
    "minor_units",
    "operators_code",
    "read_rsa_key",
    "rsa_sha256_base64",
    "rsa_sha256_base64_async",
    "sha1_hex",
    "sha256_hex",
    "sorted_pairs",
    "sorted_values",
]
