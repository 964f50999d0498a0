"""A simulated operator that speaks Pragmatic Play's seamless wallet API.

Source: Pragmatic Play's "Integration with casino games, API specification", seamless wallet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import md5
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from gateway.money import money
from gateway.operators import Direction, HttpResponse, Kind, encode
from gateway.sandbox.ledger import Account, Ledger
from gateway.sandbox.simulated import PLAIN, Act, Manner, Meaning, Misunderstood, Order, Request, Simulated, Unknown

SECRET_KEY: Final = "the sandbox's key"

ACTS: Final = {
    "authenticate": Act.VERIFY,
    "balance": Act.BALANCE,
    "bet": Act.HOLD,
    "result": Act.CONFIRM,
    "endRound": Act.CONFIRM,
    "refund": Act.ROLLBACK,
}

NEEDED: Final = {
    "authenticate": {"token"},
    "balance": {"userId"},
    "bet": {"userId", "gameId", "roundId", "amount", "reference", "timestamp", "roundDetails"},
    "result": {"userId", "gameId", "roundId", "amount", "reference", "timestamp", "roundDetails"},
    "endRound": {"userId", "gameId", "roundId"},
    "refund": {"userId", "reference"},
}
"""The parameters that each request must have, beside `providerId` and `hash`."""

ERRORS: Final = {Kind.FUNDS: 1, Kind.SESSION: 4, Kind.LIMIT: 50}
"""The codes of the contract for what this operator refuses. Any other error is 100."""

NO_PLAYER: Final = 2
INVALID_HASH: Final = 5
BAD_PARAMETERS: Final = 7
OTHER_ERROR: Final = 100

NO_TRANSACTION: Final = "0"
"""Success without a transactionId: not the yes to a bet or a result, and to a refund that there was no bet."""

CODES: Final = (NO_TRANSACTION, "1", "2", "3", "4", "5", "6", "7", "8", "50", "100", "120", "130", "210", "310")

PROVEN: Final[dict[Act, dict[str, Kind | Meaning]]] = {
    Act.HOLD: {"1": Kind.FUNDS, "3": Kind.OTHER, "50": Kind.LIMIT, "310": Kind.LIMIT},
    Act.CONFIRM: {"120": Meaning.PARK, "310": Meaning.PARK},
    Act.ROLLBACK: {NO_TRANSACTION: Kind.NOT_FOUND, "120": Meaning.PARK, "310": Meaning.PARK},
}
"""What the contract's table of errors lets one conclude: after the codes under a hold it has no bet refunded, and after
those that park it has nothing sent again."""

AMOUNT: Final = re.compile(r"[0-9]{1,8}\.[0-9]{2}", re.ASCII)

SUCCESS: Final = {"error": 0, "description": "Success"}

Form = dict[str, str]


class SimulatedPragmatic(Simulated):
    """Acknowledges the refund of a bet that it never saw without a transactionId, and takes that bet if it comes later.

    A hold's name here is its bet's `roundId` and `reference`: a result names the round alone, a refund both.
    """

    base_path = "/pragmatic/"
    balance_at = ("cash",)
    unknown_rollback = Unknown.FORGET
    refusable_repeats = frozenset()
    exemptions: ClassVar[Mapping[str, str]] = {
        "a_yes_to_another_act_is_unknown": "an answer's ids are the operator's own",
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a rollback carries the hold's id alone",
        "an_answer_to_another_request_is_unknown": "an answer repeats nothing of its request",
        "a_yes_that_names_nothing_is_unknown": "an answer repeats nothing of its request",
        "the_session_of_another_is_refused": "the answer to authenticate repeats neither token nor request",
        "an_ended_session_is_declined_as_such": (
            "the contract has a bet refunded after 2 and 4, so that neither proves that nothing was taken"
        ),
    }

    def __init__(self, ledger: Ledger, unknown_rollback: Unknown | None = None, manner: Manner = PLAIN) -> None:
        super().__init__(ledger, unknown_rollback, manner)
        self._bet_of = {name.partition("/")[0]: name for name in ledger.holds}

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {"base_url": base_url, "provider_id": "sandbox", "secret_key": SECRET_KEY, "game_id": "sandbox_game"}

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "close_round"}, {"confirm": "none"}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return CODES

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return PROVEN.get(act, {}).get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _error(int(code))

    def understand(self, request: Request) -> Order:
        method, _, page = request.path.removeprefix(self.base_path).partition(".")
        if method not in ACTS or page != "html" or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if form.pop("hash", None) != _hash(form):
            raise _refused(INVALID_HASH)
        if not NEEDED[method] | {"providerId"} <= {name for name, value in form.items() if value}:
            raise _refused(BAD_PARAMETERS)
        return self._order(ACTS[method], form)

    def _order(self, act: Act, form: Form) -> Order:
        account = self.ledger.accounts.get(form.get("userId", ""))
        if account is None and act is not Act.VERIFY:
            raise _refused(NO_PLAYER)
        amount = _amount(act, form) if "amount" in form else ""
        reference = self._name(act, form)
        if act is Act.CONFIRM and reference.endswith(f"/{form.get('reference')}"):
            raise _refused(BAD_PARAMETERS)  # a result has a reference of its own
        return Order(
            act=act,
            # Results and refunds name no session.
            token=form.get("token") or (account.token if account else ""),
            reference=reference,
            id=form.get("roundDetails", ""),
            # A bet is taken in the currency of the account.
            amount=money(amount, account.currency) if account and act is Act.HOLD else None,
            player=form.get("userId", ""),
        )

    def _name(self, act: Act, form: Form) -> str:
        round_id = form.get("roundId", "")
        if act is Act.CONFIRM:
            return self._bet_of.get(round_id, "")
        name = f"{round_id}/{form.get('reference', '')}"
        if act is Act.HOLD:
            self._bet_of[round_id] = name
        return name

    def yes(self, order: Order, account: Account) -> HttpResponse:
        balance = {"currency": account.currency, "cash": account.balance, "bonus": 0, **SUCCESS}
        match order.act:
            case Act.VERIFY:
                return _response({"userId": account.player_id, **balance})
            case Act.ROLLBACK:
                return _response({"transactionId": f"refund-{order.reference}", **SUCCESS})
            case _:
                return _response({"transactionId": f"{order.act}-{order.reference}", **balance})

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if kind is Kind.NOT_FOUND and order.act is Act.ROLLBACK:
            return _response(SUCCESS)
        return _error(ERRORS.get(kind, OTHER_ERROR))


def _hash(form: Form) -> str:
    text = "&".join(f"{name}={value}" for name, value in sorted(form.items()) if value)
    return md5((text + SECRET_KEY).encode()).hexdigest()  # noqa: S324 - the contract's choice


def _amount(act: Act, form: Form) -> str:
    amount = form["amount"]
    if not AMOUNT.fullmatch(amount) or (act is Act.CONFIRM and amount != "0.00"):
        raise _refused(BAD_PARAMETERS)
    return amount


def _refused(error: int) -> Misunderstood:
    return Misunderstood(_error(error))


def _error(error: int) -> HttpResponse:
    return _response({"error": error, "description": "refused"})


def _response(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
