"""HTTP towards the game and towards whoever runs the gateway: from a socket to a response.

A call of the game passes these files in this order:

- `listener.py`: the listening socket; `tls.py`: TLS; `http_connection.py`: one connection, its limits, malformed HTTP;
  `connection.py`: who may have one; `refusals.py`: what is refused before it becomes a call is counted and logged
- `wallet.py`: one call, from its credentials to its response; the others are its steps
- `routing.py`, `credentials.py`, `addresses.py`: which operator the call is for, and whether the client may make it
- `body.py`: reads the body; `handlers.py`: one function for each of the eight calls
- `response.py`: writes head and body at once; `access_log.py`: one line per call

`admin.py` and `admin_connection.py` are the other listener: health, readiness and metrics.
"""
