"""The HTTP/1.1 client towards operators: it knows whether a byte of a request has left (docs/decisions/030)."""
