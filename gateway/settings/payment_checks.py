"""Checks of payments that concern several operators."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.settings.models import Settings
from gateway.settings.operators import OperatorSettings
from gateway.settings.problems import Finding


def shared_payment_secrets(settings: Settings) -> Iterator[Finding]:
    """Secrets that two operators with the same form of callback sign with. Under the common path (`/pay/quantum`) the
    secret alone says whose payment it is."""
    owners: dict[tuple[str, str], str] = {}
    for name, operator in settings.operators.items():
        for index, secret in _secrets(operator):
            owner = owners.setdefault(secret, name)
            if owner != name:
                text = f"is also a secret of {owner}, and the secret tells whose payment it is; agree on another one"
                yield Finding(("operators", name, "payment", "settings", "secrets", index), text)


def _secrets(operator: OperatorSettings) -> Iterator[tuple[int, tuple[str, str]]]:
    """Each secret of its payments with its form of callback. Settings that are not as they should be have problems of
    their own."""
    payment = operator.payment
    secrets = None if payment is None else payment.settings.get("secrets")
    if payment is not None and isinstance(secrets, list | tuple):
        yield from ((index, (payment.format, str(secret))) for index, secret in enumerate(secrets))
