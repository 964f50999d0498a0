"""HTTP towards the game, operators and whoever runs the gateway: from a socket to a response.

A call of the game passes these files in this order:

- `listener.py`: the listening socket; `tls.py`: TLS; `http_connection.py`: one connection, its limits, malformed HTTP;
  `strict_heads.py`: what the parser lets pass and the gateway does not; `connection.py`: who may have one;
  `refusals.py`: what is refused before it becomes a call is counted and logged
- `call_handler.py`: one call, from its credentials to its response; `wallet.py`: what is the game's own of that; the
  others are its steps
- `routing.py`, `credentials.py`, `addresses.py`: which operator the call is for, and whether the client may make it;
  `check_queue.py`: who waits for an Argon2; `guesses.py`: whoever guesses is slowed
- `body.py`: reads the body; `handlers.py`: one function for each of the eight calls
- `response.py`: writes head and body at once; `access_log.py`: one line per call

Operators have a listener of their own, made of the same parts: `operators_listener.py` is its handler,
`operators_routing.py` its routing table, `inbound_calls.py` has one function for each of its calls, and `inbound.py`
says what such a function is given.

`admin.py` and `admin_connection.py` are the third listener: health, readiness and metrics.
"""
