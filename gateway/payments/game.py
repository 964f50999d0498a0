"""The game, as it is told of one operator's payments: the far side that acknowledges them.

Only a clear acknowledgement ends a payment. That the game refuses one proves nothing, and it is told again: the player
has paid.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final

from gateway.clock import Clock
from gateway.crashpoints import crash_point
from gateway.operators.adapter import Http, HttpResponse
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import OperatorError, RetryLater, Unmapped
from gateway.operators.far_side import FarSide, Terms, retry_after_s
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.wire_use import WireUse
from gateway.operators.outcome import Outcome, verdict_of
from gateway.operators.registry import build_client
from gateway.operators.safe_text import excerpt_of, secrets_of
from gateway.operators.traced import TracedHttp
from gateway.payments.registry import build_format
from gateway.payments.to_game import delivery_body, from_memory
from gateway.records import Decision, Direction, Recipient, Transfer, Verdict
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.toolbox import http_error
from gateway.wire.calls import PaymentCall

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

_HEADERS: Final = {"Content-Type": "application/json"}


class GameFarSide(FarSide):
    """The game, for one operator's payments. `format` reads the callbacks of the payment system, `catalogue` has the
    price of each product (None: there is none), in `currency`."""

    recipient: ClassVar = Recipient.GAME
    groups: ClassVar = (CallGroup.PAYMENTS,)
    ends: ClassVar = CallGroup.PAYMENTS

    def __init__(
        self, name: str, settings: OperatorSettings, http: Http, client: HttpClient, metrics: Metrics, clock: Clock
    ) -> None:
        """The operator's `settings` must have `payment`. Raises as `build_format` does."""
        assert settings.payment is not None
        game = settings.payment.game
        terms = Terms(
            journal=settings.journal,
            delivery=settings.payment.delivery,
            limits=game.limits,
            breaker=game.breaker,
            timeout_s=game.timeout,
        )
        self.format = build_format(settings.payment.format, settings.payment.settings)
        # The game also knows its own credentials, and may repeat them.
        super().__init__(
            name, terms, client, metrics, clock, (*secrets_of(settings), *secrets_of(self.format.settings))
        )
        self.catalogue = settings.payment.catalogue
        self.currency = settings.payment.currency
        self._settings = game
        self._http = http

    @property
    def try_s(self) -> float:
        return 2 * self._settings.timeout  # the wait for a slot, and the request

    def end_call(self, direction: Direction, decision: Decision) -> PaymentCall:
        assert direction is Direction.PAYMENT
        assert decision is Decision.CONFIRM
        return PaymentCall.DELIVER

    async def _attempt(self, call: PaymentCall, transfer: Transfer) -> Outcome:
        at, begun = self._clock.now(), self._clock.monotonic()
        use, failure = WireUse(), None
        try:
            await self._call(call, self._tell, transfer, self._require_acknowledgement, transfer.session, use)
        except OperatorError as error:
            failure = error
        if failure is None:
            crash_point("payment.acknowledged")
        return Outcome(
            verdict=Verdict.SUCCESS if failure is None else verdict_of(failure, call),
            at=at,
            took_s=self._clock.monotonic() - begun,
            text="" if failure is None else failure.text,
            retry_after_s=retry_after_s(failure) if isinstance(failure, RetryLater) else None,
        )

    async def _tell(self, transfer: Transfer) -> HttpResponse:
        """Tells the game of the payment: the same bytes on every try."""
        payment = from_memory(transfer.id, transfer.session.player_id, transfer.memory)
        body = delivery_body(payment, self._settings.secret.get_secret_value())
        answer = await self._http.post(self._settings.url, body, _HEADERS)
        crash_point("payment.sent")
        return answer

    def _require_acknowledgement(self, answer: HttpResponse) -> None:
        """Raises `Unclear` where the game has not acknowledged the payment."""
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise http_error(answer)
        expected = self._settings.acknowledgement
        if expected is not None and answer.body.strip() != expected.encode():
            raise Unmapped(
                f"the game answered HTTP {answer.status} without its acknowledgement: {excerpt_of(answer.body)}"
            )


def build_game(
    name: str,
    settings: OperatorSettings,
    metrics: Metrics,
    clock: Clock,
    tracing: Tracing | None = None,
    tls: ssl.SSLContext | None = None,
) -> GameFarSide | None:
    """The game as it is told of this operator's payments; nothing is connected yet. None: the operator has none.

    `tracing` and `tls` as for `build_operator`. Raises `FormatUnavailable`, pydantic's `ValidationError` for the
    settings of the format, and `OSError` for TLS files that cannot be loaded.
    """
    if settings.payment is None:
        return None
    client = build_client(settings.payment.game, clock, tls)
    # The game is asked by the vendor's contract, which knows no further header.
    http = client if tracing is None else TracedHttp(client, tracing, sends_context=False)
    return GameFarSide(name, settings, http, client, metrics, clock)
