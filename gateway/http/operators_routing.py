"""The routing table of the listener that operators call.

The path names the operator, before its credentials do: so credentials count within an operator's name, and two
operators may have the same. An operator that does not exist has a route too, and is refused like one with wrong
credentials.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.http.addresses import AllowList
from gateway.http.credentials import OperatorCredentials
from gateway.http.inbound import InboundHandler, InboundHandlers
from gateway.http.inbound_calls import INBOUND
from gateway.http.routing import OperatorAccess, Route, Routing, plain_path
from gateway.operators.operator import Operator
from gateway.settings import InboundSettings, OperatorsServerSettings, PathSettings
from gateway.settings.paths import path_pattern, path_start
from gateway.wire.calls import InboundCall


class OperatorsRouting(Routing):
    """Operators with `inbound` settings, and the paths of every call that has a handler."""

    def __init__(
        self,
        operators: Mapping[str, Operator],
        server: OperatorsServerSettings | None,
        handlers: InboundHandlers = INBOUND,
    ) -> None:
        """`server` is None where there is no such listener. Raises `ValueError` for a hash that is not one."""
        server = server or OperatorsServerSettings()
        able = {
            name: (one, inbound) for name, one in operators.items() if (inbound := one.settings.inbound) is not None
        }
        super().__init__(
            server,
            {name: OperatorAccess(one, AllowList(inbound.allow_ips)) for name, (one, inbound) in able.items()},
            (_credentials(name, inbound) for name, (_, inbound) in able.items()),
        )
        self.handlers = handlers
        templates = _templates(server.paths)
        self._patterns = [
            (path_pattern(template), call, handlers[call]) for call, template in templates.items() if call in handlers
        ]
        self._starts = [path_start(template) for template in templates.values()]
        payment = handlers.get(InboundCall.PAYMENT)
        self._common: dict[str | None, Route] = {}
        if payment is not None and payment.find_operator is not None:
            self._common[server.paths.common_payment] = _route(InboundCall.PAYMENT, None, payment)

    def route(self, target: str) -> Route:
        path = plain_path(target.partition("?")[0])
        if path in self._common:
            return self._common[path]
        for pattern, call, handler in self._patterns:
            if (match := pattern.fullmatch(path)) is not None:
                return _route(call, match["name"], handler)
        # Whoever has the credentials of the operator that the path names is told that there is no such call.
        return Route(None, next((match["name"] for start in self._starts if (match := start.match(path))), None))


def _credentials(name: str, inbound: InboundSettings) -> OperatorCredentials:
    return OperatorCredentials(name, path_only=True, credentials=inbound.credentials, tokens=inbound.tokens, scope=name)


def _templates(paths: PathSettings) -> dict[InboundCall, str]:
    return {
        InboundCall.QUERY_WITHDRAWAL: paths.query_withdrawal,
        InboundCall.QUERY_DEPOSIT: paths.query_deposit,
        InboundCall.LAUNCH: paths.launch,
        InboundCall.PAYMENT: paths.payment,
    }


def _route(call: InboundCall, operator: str | None, handler: InboundHandler) -> Route:
    return Route(
        call, operator, handler.methods, json_only=handler.json_only, signed=handler.signed, is_cut=handler.is_cut
    )
