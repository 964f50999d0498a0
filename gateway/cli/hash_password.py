"""`mm-gateway hash-password`: the hash to write into the configuration instead of a password."""

from __future__ import annotations

import sys

import typer
from argon2 import PasswordHasher

from gateway.cli.errors import CommandMisused
from gateway.cli.printing import print_line


def hash_password() -> None:
    """Print the Argon2 hash of a password, asked for or read from standard input, for `password_hash`."""
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandMisused("the password on standard input is empty; write one line")
    print_line(PasswordHasher().hash(password))
