"""Published examples to hold our own against."""

from __future__ import annotations

HUB88_PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx3IRpSri/9SjA7f9me35
v6LtJzn8drb1vg/UeGaPPFR16KsUOPqbGJ2r1pRPJMedqqbO7Agt/HavWDcQhNZl
c9VrVQcWK/w2HD9PflQYv0oQMiPK5Mut/eIdFOpwwwaRAU4s6WOkJdSmP9F4cfr/
amTZZoY59/t3SZWYjgZ9/LDI2X8S3uLW/JPiH+6dm2bU8ykhxoWwLE/piJxynS73
EzM0tgjHyTUMkarhK9qRVZk581/kzmtJLLBZQl9XrQQcIfQ+zFZj7ijddOptxpxq
Cmq8gQNohB56p34yjVH3uAJAaFvIVg5mEkprrvNVDJwGonHSaaq7AICmzrF6h/r5
dwIDAQAB
-----END PUBLIC KEY-----
"""

HUB88_SIGNATURES = (
    (
        "test",
        (
            "V3bEXE72v0fbrKNV6bHW945WgsuRvkKcUBA4+C2AiUp+ssrItfk4btBhQfuupBsUXY11JZY+2DSK15NlXeziZbtGQRbgq6v/"
            "Ou2tWd652r39nKCfwpxLw1foXaLiSP5ZPudi42M7ANG4XygjaErPiIMHHQaEA6WKqSLIPmJmJJ1u6PkLulpG5CEMO+/6tWRB"
            "MMd5vZuHxqc2koaCWI6a3sW+75INSPXbSAEnwVkWPIeUg+EYCdUE7RARSlT/xf5Bp37qtEGZSG7TF7198HDQjAMpC7HBY+tU"
            "XsNZwXJJpcRxRh0Pqfz7Q9LG0ikFfdQE+0gCnuLOmx0IMtLIFjVQpA=="
        ),
    ),
    (
        "example",
        (
            "KzpO4V0hQzF5QXl6VxBurWImpi1XhY0/nfezuaNJd3IE1YvIX1uRqgVcKRRLOcBVDg9uT7oQNOyuBSIYmNqc6YR3IJyWNPol"
            "0wPObBi71fpDtDxIuZmAW6CHsoKgjSlP3NPP7X4CheJW/xaVgWW2hveAcV4mXvbY2cIVywVeCE6y+LrKI+doq1sRXAx7akQs"
            "Ae5aQvFNo419zme682eddwkgESDdlJY2vCQ7mFxpxrnXQ3kqefq6JuGizGwgGLaqsp79hu9rc6Bnkvevhq0LcyLZ4SnHfVnv"
            "6sxZGyPEFQLslgk/jtww+IXXna6pI0ki2nxSc4UVbFTUIBL4B3lm/A=="
        ),
    ),
    (
        '{"test":"test"}',
        (
            "LMYX772LMBO+r83MakogTLoYnUmkR5TTSCMbzbzWPQBgqakoUwjsQnGAbIvA2ZEZXKgbygEW32crr/OzkJbXJp/XSeXPg93I"
            "vlOOiaItcPZAIx2MvBh7tY2vtcNMfodlrEvvG5ySDJQWO4LD/Gv7v6dpJJEsVy7AFdT8Azix2MUGcsljIJFWclYsHjJ96OCm"
            "5z4RZeA4tp49QCMKb3AL0TZojxxPL/9vSO//o4IcGQCQ02Sw7/p1c8EogCKI9AcMA2fmcog5fy853wMoZJem+qzLtQfBNKLm"
            "mKvFE02V7AkRdPn4q7ilCFzkpmN3T5Rhmazv5JHUIvjokR9c0p/4UQ=="
        ),
    ),
)
"""Messages, and the vendor's RSASSA-PKCS1-v1_5 signatures of them with SHA-256 in base64."""

GROOVE_KEY = "test_key"

GROOVE_SIGNATURES = (
    (
        {"accountid": "111", "apiversion": "1.2", "device": "desktop", "gamesessionid": "123_jdhdujdk"},
        "be426d042cd71743970779cd6ee7881d71d1f0eb769cbe14a0081c29c8ef2a09",
    ),
    (
        {
            "accountid": "111",
            "apiversion": "1.2",
            "device": "desktop",
            "gameid": "80102",
            "gamesessionid": "123_jdhdujdk",
        },
        "434e2b4545299886c8891faadd86593ad8cbf79e5cd20a6755411d1d3822abba",
    ),
    (
        {
            "request": "wager",
            "accountid": "111",
            "apiversion": "1.2",
            "betamount": "10.0",
            "device": "desktop",
            "gameid": "80102",
            "gamesessionid": "123_jdhdujdk",
            "roundid": "nc8n4nd87",
            "transactionid": "trx_id",
        },
        "f6d980dfe7866b6676e6565ccca239f527979d702106233bb6f72a654931b3bc",
    ),
)
"""Parameters, and the vendor's HMAC-SHA256 of their values in the order of their names. In the first two `request` is
left out and `nogsgameid` counts as `gameid`; in the third `request` is signed too. The key is the one with which these
published examples compute."""

SOFTSWISS_SIGNATURE = (
    "unit-test-secret",
    '{"transactions":[{"type":"bet","id_provider":"tx-1","amount":"10.00"}],"round_id":"r-1","game_id":"dice","currency":"EUR","account_id":"player_1"}',
    "dbfd6320f1982c5efb603da857e6c84267f297a7ea9157948091740a3fab65ce",
)
"""Key, body and HMAC-SHA256. The odd order of the members shows that the bytes are signed as they are."""

PRAGMATIC_HASH = (
    {"providerId": "pragmaticplay", "token": "5v93mto7jr"},
    "pragmaticplay",
    "e1467eb30743fb0a180ed141a26c58f7",
)
"""Parameters, secret and the vendor's MD5 of the sorted pairs with the secret behind them."""

SLOTEGRATOR_KEY = "test-key"

SLOTEGRATOR_SIGNATURES = (
    (
        {
            "type": "bet",
            "action": "bet",
            "amount": "10.5000",
            "currency": "EUR",
            "game_uuid": "abcd12345",
            "player_id": "123456",
            "session_id": "s-1",
            "transaction_id": "tx-1",
            "X-Timestamp": "1700000000",
            "X-Nonce": "e115cf0be2ec5a12",
            "X-Merchant-Id": "test-merchant",
        },
        (
            "X-Merchant-Id=test-merchant&X-Nonce=e115cf0be2ec5a12&X-Timestamp=1700000000&action=bet&amo"
            "unt=10.5000&currency=EUR&game_uuid=abcd12345&player_id=123456&session_id=s-1&transaction_i"
            "d=tx-1&type=bet"
        ),
        "441a32896218066e39c77a53ad974dc07d84f9d5",
    ),
    (
        {
            "X-Timestamp": "1700000000",
            "X-Nonce": "e115cf0be2ec5a12",
            "X-Merchant-Id": "test-merchant",
            "action": "rollback",
            "currency": "EUR",
            "game_uuid": "abcd12345",
            "player_id": "123456",
            "rollback_transactions": [{"action": "bet", "amount": "10.5000", "transaction_id": "tx-1", "type": "bet"}],
            "session_id": "s-1",
            "transaction_id": "rb-1",
            "type": "rollback",
        },
        (
            "X-Merchant-Id=test-merchant&X-Nonce=e115cf0be2ec5a12&X-Timestamp=1700000000&action=rollbac"
            "k&currency=EUR&game_uuid=abcd12345&player_id=123456&rollback_transactions%5B0%5D%5Baction%"
            "5D=bet&rollback_transactions%5B0%5D%5Bamount%5D=10.5000&rollback_transactions%5B0%5D%5Btra"
            "nsaction_id%5D=tx-1&rollback_transactions%5B0%5D%5Btype%5D=bet&session_id=s-1&transaction_"
            "id=rb-1&type=rollback"
        ),
        "aa1bebadc152f765ba1345b0adc3ef918fa199cb",
    ),
)
"""Parameters and headers, PHP's query of them, and its HMAC-SHA1. Made by ourselves: the vendor publishes none."""

PAYMENT_SECRET = "MKiLHWZvGPTq2258"

PAYMENT_CALLBACK = {
    "uid": "test",
    "serverId": "10001",
    "cpOrderId": "c9c35cf409344312146fa7546a94d1a6",
    "productId": "wm.spin.1",
    "productPrice": "4.99",
    "ts": "1682319749000",
    "sign": "39E27178DE3254875D8470AB7A13D912",
}
"""The vendor's printed payment callback, each value as it stands in the JSON, without quotes. The signature is that of
`PAYMENT_SECRET`; recomputed, it matches."""

OK_SECRET = "0A1B2C3D4E5F"

OK_CALLBACK = (
    "amount=25&application_key=CBAFJIICABABABABA&call_id=1700000000123"
    "&extra_attributes=%7B%22cpOrderId%22%3A%22a%3Db%22%7D&method=callbacks.payment&product_code=gold.100"
    "&transaction_id=9876543210&transaction_time=2023-11-15+01%3A13%3A20&uid=561234567890"
)

OK_SIGNATURE = "882f6050ed787f5be7b9928b58a0dde0"
"""Of the parameters of `OK_CALLBACK`. Made by ourselves with coreutils' md5sum: the vendor publishes none."""
