"""Each behaviour of the suite is worth something only if an adapter that lacks it fails: one wrong adapter for each."""

from __future__ import annotations

import asyncio
import logging
import sys
from base64 import b64encode
from typing import Any
from urllib.parse import unquote

import pytest
from msgspec.structs import replace

from adapters.quantum import Quantum
from adapters.quantum.adapter import OK
from adapters.quantum.simulated import SimulatedQuantum
from gateway.money import Money, money
from gateway.operators import (
    Adapter,
    Declined,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
    encode,
)
from gateway.operators.adapter import Headers
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Order, Unknown
from gateway.testing.behaviours import BEHAVIOURS
from gateway.testing.subject import Subject
from gateway.testing.suite import mismatches_of


class TellsNotFoundAsDone(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().rollback_withdrawal(transfer)
        except Declined as declined:
            if declined.kind is Kind.NOT_FOUND:
                return Receipt()
            raise


class TellsARefusedEndAsDone(Quantum):
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().confirm_withdrawal(transfer)
        except Declined:
            return Receipt()


class TellsARefusedSessionAsNotFound(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().rollback_withdrawal(transfer)
        except Declined as declined:
            raise Declined(Kind.NOT_FOUND, declined.text) from None


class NeedsTheSessionToEnd(Quantum):
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        await self.get_balance(transfer.session)
        return await super().confirm_withdrawal(transfer)


class SendsOnlyWhatItRemembers(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return replace(await super().withdraw(transfer), memory={"their_id": "7"})

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await super().rollback_withdrawal(transfer) if transfer.memory else Receipt()


class RefusesWhatItDoesNotRemember(SendsOnlyWhatItRemembers):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        if "their_id" not in transfer.memory:
            raise Unclear("their id is not known")
        return await super().rollback_withdrawal(transfer)


class NamesNobody(Quantum):
    needs_player = True

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await super().withdraw(self._of_player(transfer))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await super().rollback_withdrawal(self._of_player(transfer))

    def _of_player(self, transfer: Transfer) -> Transfer:
        return replace(transfer, id=f"{transfer.session.player_id or 'nobody'}/{transfer.id}")


class NamesTransfersByTheToken(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        named = {**body, "mmTransactionId": f"{body.get('mmTransactionId')} {body['token']}"}
        response = await super()._post(endpoint, named)
        return replace(response, body=response.body.replace(f" {body['token']}".encode(), b""))


class Retries(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        response = await super()._post(endpoint, body)
        return response if response.status == OK else await super()._post(endpoint, body)


class FollowsRedirects(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        response = await super()._post(endpoint, body)
        if response.status != 307:
            return response
        root = self.settings.base_url.removesuffix("/wallet/")
        return await self.http.post(root + response.headers["location"], encode(body), self._headers)


class RollsBackByItself(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        try:
            return await super().withdraw(transfer)
        except Unclear:
            await super().rollback_withdrawal(transfer)
            raise


class SendsTheTime(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        return await self._send(endpoint, encode(body), {**self._headers, "X-Time": str(self.http.now())})

    async def _send(self, endpoint: str, body: bytes, headers: Headers) -> HttpResponse:
        return await self.http.post(self.settings.base_url + endpoint, body, headers)


class CountsItsTries(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await super().withdraw(replace(transfer, description=f"try {transfer.tries}"))


class DeclaresWhatItDoesNotSend(Quantum):
    fresh = frozenset({"header x-time"})


class DeclaresWhatStaysTheSame(Quantum):
    fresh = frozenset({"header authorization"})


class Reverses(Quantum):
    def _require_success_of(self, response: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        sys.stdout.write(f"for {transfer.session.token[::-1]}")  # errors are searched for it already
        return super()._require_success_of(response, transfer)


class Encodes(Quantum):
    def _require_success_of(self, response: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        sys.stdout.write(b64encode(b"for " + transfer.session.token.encode()).decode())
        return super()._require_success_of(response, transfer)


class Logs(Quantum):
    async def verify_session(self, session: Session) -> Player:
        logging.getLogger("acme").warning("verifying %s", session.token)
        return await super().verify_session(session)


class RemembersTheToken(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        receipt = await super().withdraw(transfer)
        return replace(receipt, memory={"session": transfer.session.token})


class RemembersTooMuch(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        receipt = await super().withdraw(transfer)
        return replace(receipt, memory={"answer": "x" * 3000})


class KnowsA404(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        if response.status == 404:
            raise Declined(Kind.NOT_FOUND, "not found")
        return super()._require_success(response, *rest)


class TakesAny2xx(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        ok = response.status // 100 == 2
        return super()._require_success(replace(response, status=OK) if ok else response, *rest)


class TakesAnEmptyAnswer(Quantum):
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().confirm_withdrawal(transfer)
        except Unclear as error:
            if "empty" in error.text:
                return Receipt()
            raise


class TakesAnyCodeForADecline(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        try:
            return await super().withdraw(transfer)
        except Unmapped as error:
            raise Declined(Kind.OTHER, error.text) from None


class TakesOneCodeUnderAnyStatus(Quantum):
    def _require_success(self, response: HttpResponse, *rest: Any) -> dict[str, Any]:
        known = b'"errorCode":102' in response.body
        return super()._require_success(replace(response, status=500) if known else response, *rest)


class MixesUpCodes(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        try:
            return await super().withdraw(transfer)
        except Declined as declined:
            raise Declined(Kind.LIMIT, declined.text) from None


class KeepsTheLastTransfer(Quantum):
    last: Transfer

    async def withdraw(self, transfer: Transfer) -> Receipt:
        self.last = transfer
        await asyncio.sleep(0)
        return await super().withdraw(self.last)


class KeepsTheFirstSession(Quantum):
    first: Session | None = None

    async def withdraw(self, transfer: Transfer) -> Receipt:
        self.first = self.first or transfer.session
        return await super().withdraw(replace(transfer, session=self.first))


class TakesAYesWithoutItsId(Quantum):
    def _require_success_of(self, response: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        answer = self._require_success(response, frozenset())
        if answer.get("mmTransactionId", transfer.id) != transfer.id:
            raise Unclear("another transaction")
        return answer


class DoesNotQuoteTexts(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        text = body.pop("txDescription", None)
        sent = encode(body) if text is None else encode(body)[:-1] + f',"txDescription":"{text}"}}'.encode()
        return await self.http.post(self.settings.base_url + endpoint, sent, self._headers)


class Unquotes(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await super().withdraw(replace(transfer, id=unquote(transfer.id)))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await super().rollback_withdrawal(replace(transfer, id=unquote(transfer.id)))


class CutsIds(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await super().withdraw(replace(transfer, id=transfer.id[:64]))


class CleansTokens(Quantum):
    async def verify_session(self, session: Session) -> Player:
        return await super().verify_session(replace(session, token=session.token.replace("+", " ")))


class CleansPlayers(Quantum):
    async def verify_session(self, session: Session) -> Player:
        player = await super().verify_session(session)
        return replace(player, player_id=unquote(player.player_id))


class DoesNotWait(Quantum):
    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        response = await super()._post(endpoint, body)
        return HttpResponse(response.status, {}, response.body)


class CarriesNoDots(Quantum):
    """As if the player stood in a path."""

    async def verify_session(self, session: Session) -> Player:
        if session.token == "token ..":
            raise Declined(Kind.SESSION, "this token cannot be sent")
        return await super().verify_session(session)

    async def withdraw(self, transfer: Transfer) -> Receipt:
        if transfer.session.player_id == "..":
            raise Declined(Kind.PLAYER, "this player cannot be named")
        return await super().withdraw(transfer)


class DeclinesAfterItHasSent(CarriesNoDots):
    async def verify_session(self, session: Session) -> Player:
        await super().get_balance(session)
        return await super().verify_session(session)

    async def withdraw(self, transfer: Transfer) -> Receipt:
        await super().get_balance(transfer.session)
        return await super().withdraw(transfer)


class NeedsTheSessionsBalance(Quantum):
    async def verify_session(self, session: Session) -> Player:
        player = await super().verify_session(session)
        if player.balance is None:
            raise Unclear("no balance")
        return player


class RoundsBalances(Quantum):
    async def get_balance(self, session: Session) -> Money:
        balance = await super().get_balance(session)
        return money(round(balance.amount, 2), balance.currency)


class TellsAnOldBalance(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        balance = await self.get_balance(transfer.session)
        await super().withdraw(transfer)
        return Receipt(balance)


class KnowsEverySession(Quantum):
    async def verify_session(self, session: Session) -> Player:
        try:
            return await super().verify_session(session)
        except (Declined, Unclear):
            return Player(player_id="player-1", balance=None)


class TakesTheTokenForThePlayer(Quantum):
    async def verify_session(self, session: Session) -> Player:
        return replace(await super().verify_session(session), player_id=session.token)


class IsNeverSure(Quantum):
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        await super().confirm_withdrawal(transfer)
        raise Unclear("perhaps")


class TellsNoBalanceAsNone(Quantum):
    async def get_balance(self, session: Session) -> Money:
        try:
            return await super().get_balance(session)
        except Unclear:
            return money(0, "XAG")


class TakesAnotherSession(Quantum):
    async def verify_session(self, session: Session) -> Player:
        answer = self._require_success(await self._post("verifySession", {"token": session.token}), frozenset())
        return Player(player_id=answer["playerId"], balance=None)


class TellsFundsAsUnclear(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        try:
            return await super().withdraw(transfer)
        except Declined as declined:
            raise Unmapped(declined.text) from None


class CountsCents(Quantum):
    async def withdraw(self, transfer: Transfer) -> Receipt:
        assert transfer.amount is not None
        cents = Money(round(transfer.amount.amount, 2), transfer.amount.currency)
        return await super().withdraw(replace(transfer, amount=cents))


class DoesNotConfirm(Quantum):
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self.rollback_withdrawal(transfer)


class DoesNotRollBack(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return Receipt()


class DoesNotKnowRepeats(Quantum):
    def _is_already_done(self, *_: Any) -> bool:
        return False


class TellsTheUnknownAsDeclined(Quantum):
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        try:
            return await super().rollback_withdrawal(transfer)
        except Declined as declined:
            raise Declined(Kind.OTHER, declined.text) from None


class HasNoDepositsButConfirmsThem(Quantum):
    deposit = Adapter.deposit

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return Receipt()


WRONG = [
    (TellsNotFoundAsDone, "a_late_hold_is_undone", "withdraw, unknown rollbacks: forget"),
    (Quantum, "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers", "withdraw"),
    (TellsARefusedEndAsDone, "a_declined_call_never_counts_as_done", "confirmWithdrawal"),
    (TellsARefusedEndAsDone, "an_ended_session_ends_no_transfer", "confirmWithdrawal, refused"),
    (TellsARefusedSessionAsNotFound, "an_ended_session_ends_no_transfer", "rollbackWithdrawal, refused"),
    (SendsOnlyWhatItRemembers, "an_end_is_told_as_done_only_if_it_is", "rollbackWithdrawal"),
    (NamesNobody, "an_end_is_told_as_done_only_if_it_is", "rollbackWithdrawal, in a session that has ended"),
    (TakesAYesWithoutItsId, "a_yes_that_names_nothing_is_unknown", "withdraw"),
    (KeepsTheFirstSession, "transfers_at_once_do_not_mix", "withdraw"),
    (DoesNotQuoteTexts, "odd_ids_arrive_whole", "withdraw 'say \"hi\"'"),
    (NeedsTheSessionToEnd, "an_ended_session_ends_no_transfer", "confirmWithdrawal, booked"),
    (Retries, "each_try_is_sent_once", "withdraw, error_after"),
    (FollowsRedirects, "each_try_is_sent_once", "withdraw, redirect"),
    (RollsBackByItself, "each_try_is_sent_once", "withdraw, cut_after"),
    (SendsTheTime, "every_try_is_the_same", "rollbackWithdrawal"),
    (CountsItsTries, "every_try_is_the_same", "withdraw"),
    (NamesTransfersByTheToken, "a_try_with_another_session_is_the_same_transfer", "withdraw"),
    (NamesTransfersByTheToken, "a_try_with_another_session_is_the_same_transfer", "rollbackWithdrawal"),
    (DeclaresWhatItDoesNotSend, "what_is_declared_fresh_differs", "header x-time"),
    (DeclaresWhatStaysTheSame, "what_is_declared_fresh_differs", "header authorization"),
    (Reverses, "secrets_stay_inside", "withdraw"),
    (Encodes, "secrets_stay_inside", "withdraw"),
    (Logs, "secrets_stay_inside", "verifySession"),
    (RemembersTheToken, "what_is_remembered_is_small_and_no_secret", "withdraw"),
    (RemembersTooMuch, "what_is_remembered_is_small_and_no_secret", "withdraw"),
    (KnowsA404, "no_status_proves_anything_alone", "rollbackWithdrawal, HTTP 404 with a web page"),
    (TakesAny2xx, "only_the_contracts_statuses_are_a_yes", "withdraw, HTTP 202 with a yes"),
    (TakesAnEmptyAnswer, "no_status_proves_anything_alone", "confirmWithdrawal, HTTP 200 with nothing"),
    (TakesAnyCodeForADecline, "every_error_code_means_what_the_contract_says", "withdraw, code 987654: unknown"),
    (TakesOneCodeUnderAnyStatus, "every_error_code_means_what_the_contract_says", "withdraw, HTTP 404 with code 102"),
    (MixesUpCodes, "every_error_code_means_what_the_contract_says", "withdraw, code 102: funds"),
    (KeepsTheLastTransfer, "transfers_at_once_do_not_mix", "withdraw"),
    (Unquotes, "every_transfer_has_a_name_of_its_own", "withdraw 'a%2Fb'"),
    (CutsIds, "odd_ids_arrive_whole", f"withdraw {'x' * 40!r}"),
    (CleansTokens, "odd_tokens_arrive_whole", "token 'a+b'"),
    (CleansPlayers, "odd_players_arrive_whole", "player 'a%2Fb'"),
    (DeclinesAfterItHasSent, "odd_players_arrive_whole", "player '..'"),
    (DeclinesAfterItHasSent, "odd_tokens_arrive_whole", "token '..'"),
    (DoesNotWait, "a_busy_operator_is_asked_later", "withdraw"),
    (NeedsTheSessionsBalance, "a_session_is_known_whatever_its_balance", "verifySession"),
    (RoundsBalances, "a_balance_is_told_exactly", "getBalance, 2.675 XAG"),
    (TellsAnOldBalance, "a_receipts_balance_is_the_operators", "withdraw"),
    (KnowsEverySession, "an_unknown_session_is_refused", "verifySession"),
    (KnowsEverySession, "an_unclear_answer_to_a_read_is_an_error", "verifySession, hang_before"),
    (KnowsEverySession, "every_error_code_of_a_read_is_an_error", "verifySession, code 101"),
    (TellsNoBalanceAsNone, "an_unclear_answer_to_a_read_is_an_error", "getBalance, garbage"),
    (TellsNoBalanceAsNone, "no_status_alone_answers_a_read", "getBalance, HTTP 503 with a web page"),
    (TellsNoBalanceAsNone, "a_session_is_known_whatever_its_balance", "getBalance"),
    (TakesAnotherSession, "the_session_of_another_is_refused", ""),
    (TakesTheTokenForThePlayer, "a_session_is_verified", ""),
    (IsNeverSure, "what_is_late_or_came_twice_counts_once", "confirmWithdrawal, duplicate"),
    (TellsFundsAsUnclear, "too_little_money_is_a_decline", ""),
    (TellsFundsAsUnclear, "an_ended_session_is_declined_as_such", "withdraw"),
    (CountsCents, "an_amount_arrives_exactly_or_is_declined_unsent", "withdraw of 12.345 EUR"),
    (CountsCents, "an_amount_arrives_exactly_or_is_declined_unsent", "withdraw of 1e-12 KWD"),
    (DoesNotConfirm, "a_confirmed_transfer_has_moved_the_money", "withdraw"),
    (DoesNotRollBack, "a_rolled_back_transfer_has_moved_nothing", "withdraw"),
    (DoesNotKnowRepeats, "a_repeated_end_succeeds_again", "confirmWithdrawal, refused as done before"),
    (TellsTheUnknownAsDeclined, "the_rollback_of_what_never_came_moves_nothing", "withdraw, report"),
    (TellsTheUnknownAsDeclined, "a_decline_and_its_rollback_move_nothing", "withdraw, report"),
    (HasNoDepositsButConfirmsThem, "no_deposit_is_sent_to_a_contract_without_them", ""),
]


def cases(subject: Subject, behaviour: str) -> set[str]:
    """The cases in which the adapter does otherwise than the behaviour."""
    return {each.case for each in asyncio.run(mismatches_of(BEHAVIOURS[behaviour], subject))}


@pytest.mark.parametrize("wrong, behaviour, case", WRONG)
def test_an_adapter_without_the_behaviour_is_caught(wrong: type[Quantum], behaviour: str, case: str) -> None:
    found = cases(Subject(wrong, SimulatedQuantum), behaviour)
    assert (case or "as described") in {each or "as described" for each in found}


def test_an_adapter_that_needs_a_memory_gets_it_and_says_where_it_lacks_it() -> None:
    subject = Subject(RefusesWhatItDoesNotRemember, SimulatedQuantum)
    assert cases(subject, "a_rolled_back_transfer_has_moved_nothing") == set()
    assert cases(subject, "an_end_is_told_as_done_only_if_it_is") == set()
    assert cases(subject, "an_end_needs_nothing_that_only_the_hold_knew") == {"rollbackWithdrawal"}


def test_an_operator_that_cannot_say_never_heard_of_it_is_not_asked_to() -> None:
    class Acknowledging(SimulatedQuantum):
        unknown_rollbacks = (Unknown.ACKNOWLEDGE,)

    assert cases(Subject(TellsTheUnknownAsDeclined, Acknowledging), "a_decline_and_its_rollback_move_nothing") == set()


def test_a_contract_whose_yes_is_an_empty_answer_has_the_behaviours() -> None:
    class SaysNothing(SimulatedQuantum):
        def yes(self, order: Order, account: Account) -> HttpResponse:
            answer = super().yes(order, account)
            return HttpResponse(200, {}, b"") if order.act is Act.CONFIRM else answer

    assert cases(Subject(TakesAnEmptyAnswer, SaysNothing), "no_status_proves_anything_alone") == set()


def test_a_player_or_a_token_that_cannot_be_carried_may_be_refused_unsent() -> None:
    subject = Subject(CarriesNoDots, SimulatedQuantum)
    assert cases(subject, "odd_players_arrive_whole") | cases(subject, "odd_tokens_arrive_whole") == set()


def test_what_is_declared_as_fresh_may_differ() -> None:
    class SendsTheTimeAndSaysSo(SendsTheTime):
        fresh = frozenset({"header X-Time"})

    subject = Subject(SendsTheTimeAndSaysSo, SimulatedQuantum)
    assert cases(subject, "every_try_is_the_same") | cases(subject, "what_is_declared_fresh_differs") == set()


def test_every_behaviour_is_shown_to_catch_a_wrong_adapter() -> None:
    # test_conformance_catches.py, test_suite_catches_by_contract.py, tests/adapter_canaries, and the tests above
    elsewhere = {
        "a_body_says_what_it_is",
        "a_currency_goes_by_the_operators_code",
        "every_other_setting_changes_what_is_sent",
        "an_answer_that_proves_nothing_is_unknown",
        "an_answer_to_another_request_is_unknown",
        "a_yes_is_a_yes_whatever_its_balance",
        "a_yes_to_another_act_is_unknown",
        "an_error_of_the_protocol_is_not_silence",
        "an_end_needs_nothing_that_only_the_hold_knew",
        "a_look_up_tells_what_became_of_a_transfer",
        "currencies_of_any_places_are_carried",
        "the_protocols_codes_are_declared",
        "the_status_of_another_transfer_is_an_error",
    }
    assert {behaviour for _, behaviour, _ in WRONG} | elsewhere == set(BEHAVIOURS)
