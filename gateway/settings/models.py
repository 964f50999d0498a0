"""The whole configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from gateway.settings.deliveries import GAME_REPEATS_S, DeliverySettings, ReasonSettings
from gateway.settings.journals import JournalSettings
from gateway.settings.listeners import AdminSettings, OperatorsServerSettings, ServerSettings
from gateway.settings.operators import OperatorSettings
from gateway.settings.section import Section
from gateway.settings.tracing import TracingSettings
from gateway.settings.values import Name, Share, Timeout

DEFAULT_JOURNAL = "default"


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe events that are logged."""

    format: Literal["json", "console"] = "json"
    """`json`: one object per line, for machines; `console`: coloured lines, for people."""

    successes: Share | None = None
    """The share of successful calls that get a line, such as 10%; without it, all of them. All calls of one transfer
    have theirs, or none. Failures always have one."""

    audit: Annotated[str, Field(min_length=1)] | None = None
    """A file that gets one line for each change of a transfer's state, and for each `retry` and `resolve`; `stderr`
    writes them among the other lines. Without it there are none."""


class Settings(Section):
    """The wallet gateway's configuration."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """How many processes serve: one for each core that the gateway may use. More than one needs journals in PostgreSQL.
    Every limit of this file is each worker's own: connections, operators' `limits`, `connections` of a journal."""

    server: ServerSettings = ServerSettings()
    """The listener that the game calls."""

    operators_server: OperatorsServerSettings | None = None
    """The listener that operators call. Without it, they cannot."""

    admin: AdminSettings = AdminSettings()
    """The listener for health and metrics."""

    log: LogSettings = LogSettings()
    """What is logged, and how."""

    tracing: TracingSettings | None = None
    """Spans of calls, sent to a collector. Without it, nothing is traced."""

    journal: JournalSettings = JournalSettings(url="sqlite:///journal.db")
    """Where transfers are kept, unless an operator names another journal."""

    journals: dict[Name, JournalSettings] = Field(default={})
    """More journals by name, for operators that have one of their own."""

    delivery: DeliverySettings = DeliverySettings()
    """When a confirm or rollback that the operator has not acknowledged is sent again."""

    rollback_reasons: ReasonSettings = ReasonSettings()
    """How rollback reasons are sorted into categories."""

    abandoned_after: Timeout = 3600.0
    """The age from which a held transfer, which the game neither confirmed nor rolled back, is alerted as abandoned."""

    operators: dict[Name, OperatorSettings] = Field(default={})
    """The operators by name; at least one."""

    @property
    def every_journal(self) -> dict[str, JournalSettings]:
        """All journals by the names that operators use for them."""
        return {DEFAULT_JOURNAL: self.journal, **self.journals}

    @property
    def listeners(self) -> tuple[tuple[str, ServerSettings | AdminSettings], ...]:
        """Every listener that is configured, with its section."""
        operators = () if self.operators_server is None else (("operators_server", self.operators_server),)
        return ("server", self.server), *operators, ("admin", self.admin)

    def sharing(self, journal: str) -> dict[str, OperatorSettings]:
        """The operators whose transfers are kept in that journal, by name."""
        return {name: operator for name, operator in self.operators.items() if operator.journal == journal}

    def least_keep(self, journal: str) -> float:
        """For how many seconds that journal must keep finished transfers: as long as one may still be named."""
        named_for = (operator.delivery.named_for for operator in self.sharing(journal).values())
        return max(named_for, default=GAME_REPEATS_S)

    @field_validator("operators")
    @classmethod
    def _with_general_delivery(
        cls, operators: dict[str, OperatorSettings], info: ValidationInfo
    ) -> dict[str, OperatorSettings]:
        # Fields are validated in the order of the class, so `delivery` is known here, unless it is invalid itself.
        general = info.data.get("delivery")
        return (
            {name: _with_general(general, operator) for name, operator in operators.items()} if general else operators
        )


def _with_general(general: DeliverySettings, operator: OperatorSettings) -> OperatorSettings:
    """The operator, with the keys that its `delivery` leaves out taken from the general one, and those that the one of
    its payments leaves out from its own."""
    delivery = _overlaid(general, operator.delivery)
    payment = operator.payment
    if payment is not None:
        payment = payment.model_copy(update={"delivery": _overlaid(delivery, payment.delivery)})
    return operator.model_copy(update={"delivery": delivery, "payment": payment})


def _overlaid(general: DeliverySettings, own: DeliverySettings) -> DeliverySettings:
    """The general settings with the keys that `own` gives."""
    return general.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
