"""Launch: an operator asks for the URL of the game's client, for one session of a player.

- `service.py`: one launch, from its body to its reply
- `values.py`: whether what the operator sent is allowed; `urls.py`: the URL made of it

Both are pure functions of the operator's settings, the request and the time. docs/launch.md is the page for users.
"""
