"""The game's wallet format: the messages of the wallet contract as bytes and as types. No I/O, and no rules of money.

- `calls.py`: the eight calls; `errors.py`: the error codes
- `requests.py`: from the body of a call to a typed request; `fields.py`: its fields and their limits; `members.py`:
  bodies that no JSON parser reads; `cutting.py`: long ones, cut while they arrive
- `replies.py`: from a result to the body of a response
- `openapi.py`: the description of all of it, made from the same models
"""
