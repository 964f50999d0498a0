"""The HTTP/1.1 client towards operators: each request is written at most once, and it is known whether it was.

`client` makes a call on a `connection` from the `pool`; `request` writes, `response_reader` reads. `dns_cache`
resolves names, `happy_eyeballs` races the addresses of one, `tls` builds contexts. `wire_use` tells the caller what one
call used the wire for. Why it is our own: docs/decisions/030-http-client.md.
"""
