"""Mistakes in the adapter `pragmatic`."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.adapter_canaries.canary import AdapterCanary, canary
from tests.support.mutation import Edit

_pragmatic = partial(canary, "pragmatic")

PRAGMATIC: Final = "adapters.pragmatic.adapter:Pragmatic."
ADAPTER: Final = "adapters.pragmatic.adapter:"

VERIFY: Final = f"{PRAGMATIC}verify_session"
GET_BALANCE: Final = f"{PRAGMATIC}get_balance"
WITHDRAW: Final = f"{PRAGMATIC}withdraw"
CONFIRM: Final = f"{PRAGMATIC}confirm_withdrawal"
ROLL_BACK: Final = f"{PRAGMATIC}rollback_withdrawal"
CURRENCY: Final = f"{PRAGMATIC}_require_account_currency"
TRANSACTION: Final = f"{PRAGMATIC}_transaction_params"
ROUND: Final = f"{PRAGMATIC}_round_params"
RECEIPT: Final = f"{PRAGMATIC}_receipt"
BALANCE: Final = f"{PRAGMATIC}_balance"
POST: Final = f"{PRAGMATIC}_post"
ID_OF: Final = f"{ADAPTER}_id_of"
READS: Final = f"{ADAPTER}READS"
BETS: Final = f"{ADAPTER}BETS"
ENDS: Final = f"{ADAPTER}ENDS"

SENT: Final = 'response = await self.http.post(f"{self.settings.base_url}{method}.html", body, HEADERS)'
FORM: Final = 'body = encode_form([*signed.items(), ("hash", md5_hex(text.encode()))])'
TEXT: Final = "text = sorted_pairs(signed) + self.settings.secret_key.get_secret_value()"
DECIMAL: Final = "decimal_text(transfer.amount, PLACES, integer_digits=INTEGER_DIGITS)"
BET_RECEIPT: Final = "return self._receipt(answer, transactionId=_id_of(answer))"
NO_BET: Final = (
    'raise Declined(Kind.NOT_FOUND, "the refund was accepted without a transactionId: there was no such bet")'
)
REFERENCE: Final = "transfer_hex(NAMESPACE, transfer, step)"
BET_REFERENCE: Final = 'transfer_hex(NAMESPACE, transfer, "hold")'
ROUND_ID: Final = 'str(transfer_number(NAMESPACE, transfer, "round"))'
ZERO_WIN: Final = (
    'return self._receipt(await self._post("result", self._transaction_params(transfer, "confirm", "0.00"), ENDS))'
)
TIME: Final = "transfer.opened_at"


def _sent(name: str, code: str, harmless: str = "") -> AdapterCanary:
    """A mistake in how a request is sent."""
    return _pragmatic(name, Edit(POST, SENT, code), harmless=harmless)


def _hashed(name: str, code: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the text that the hash is made of."""
    return _pragmatic(name, Edit(POST, TEXT, f"text = {code}"), harmless=harmless)


def _form(name: str, code: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the form that is sent."""
    return _pragmatic(name, Edit(POST, FORM, code), harmless=harmless)


def _amount(name: str, expression: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the amount that is sent."""
    return _pragmatic(name, Edit(WITHDRAW, DECIMAL, expression), harmless=harmless)


def _reference(name: str, expression: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the reference of a bet or a result."""
    return _pragmatic(name, Edit(TRANSACTION, REFERENCE, expression), harmless=harmless)


def _round(name: str, expression: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the name of the round."""
    return _pragmatic(name, Edit(ROUND, ROUND_ID, expression), harmless=harmless)


def _listed(name: str, table: str, entry: str) -> AdapterCanary:
    """A code that stands in a table although it proves nothing there."""
    return _pragmatic(name, Edit(table, "{", f"{{{entry}, "))


ANSWERS: Final = (
    _pragmatic("201 is a yes too", Edit(POST, "response.status != OK", "response.status not in {OK, 201}")),
    _pragmatic("the HTTP status is not looked at", Edit(POST, "response.status != OK", "False")),
    _pragmatic("every 2xx is a yes", Edit(POST, "response.status != OK", "response.status // 100 != 2")),
    _pragmatic("the error code is not looked at", Edit(POST, "if error != 0:", "if False:")),
    _pragmatic("only positive codes are errors", Edit(POST, "if error != 0:", "if error > 1:")),
    _pragmatic(
        "an answer without an error code is a yes",
        Edit(POST, "if isinstance(error, bool) or not isinstance(error, int):", "error = error or 0\n    if False:"),
    ),
    _pragmatic(
        "an error code may be a boolean",
        Edit(POST, "isinstance(error, bool) or ", ""),
        harmless="false says that there was no error, and a transactionId is needed all the same",
    ),
    _pragmatic(
        "an error code may be anything",
        Edit(POST, "isinstance(error, bool) or not isinstance(error, int)", "False"),
        harmless="whatever is not the number 0 is looked up in the table, and is not there",
    ),
    _pragmatic("a yes needs no transactionId", Edit(RECEIPT, "if not _id_of(answer):", "if False:")),
    _pragmatic(
        "a refund without a transactionId is done",
        Edit(ROLL_BACK, NO_BET, "return Receipt()"),
    ),
    _pragmatic(
        "a refund without a transactionId is unknown",
        Edit(ROLL_BACK, NO_BET, 'raise Unclear("no transactionId")'),
    ),
    _pragmatic(
        "every error of a refund is a bet that never was",
        Edit(ROLL_BACK, "{**ENDS, **not_found}", "{**ENDS, **not_found, 100: Kind.NOT_FOUND}"),
    ),
    _pragmatic(
        "a transactionId of any type will do",
        Edit(ID_OF, 'return found if isinstance(found, str) else ""', 'return str(found or "")'),
        harmless="an id of another type shows as well that the operator has one",
    ),
    _pragmatic(
        "an unknown code is a decline",
        Edit(POST, "require_done(meanings, error, said)", "require_done({error: Kind.OTHER, **meanings}, error, said)"),
    ),
    _pragmatic(
        "an error of the protocol is told as silence",
        Edit(POST, "require_done(meanings, error, said)", "raise Unclear(said)"),
    ),
    _pragmatic(
        "HTTP 404 is an unknown bet",
        Edit(
            POST,
            "raise http_error(response)",
            'raise Declined(Kind.NOT_FOUND, "404") if response.status == 404 else http_error(response)',
        ),
    ),
    _pragmatic(
        "the time to wait is not told",
        Edit(POST, "raise http_error(response)", 'raise Unclear(f"HTTP {response.status}")'),
    ),
    _pragmatic(
        "an unclear answer to a result is a receipt",
        Edit(
            CONFIRM,
            'return self._receipt(await self._post("result", params, ENDS))',
            'try:\n                return self._receipt(await self._post("result", params, ENDS))\n'
            "            except Unclear:\n                return Receipt()",
        ),
    ),
)

TABLES: Final = (
    _listed("an internal error after a bet is a decline", BETS, "120: Kind.OTHER"),
    _listed("an ended session declines a bet", BETS, "4: Kind.SESSION"),
    _listed("a player who is not found declines a bet", BETS, "2: Kind.PLAYER"),
    _listed("any other error declines a bet", BETS, "100: Kind.OTHER"),
    _pragmatic(
        "a bet that is told as done before is done",
        Edit(BETS, "{", "{8: Means.DONE, "),
        harmless="a yes needs a transactionId, which no error has",
    ),
    _pragmatic("too little money is told as a limit", Edit(BETS, "1: Kind.FUNDS", "1: Kind.LIMIT")),
    _pragmatic("too little money is left out", Edit(BETS, "1: Kind.FUNDS, ", "")),
    _pragmatic("a limit stands under another code", Edit(BETS, "50: Kind.LIMIT", "5: Kind.LIMIT")),
    _pragmatic("an end that cannot succeed is tried again", Edit(ENDS, "120: Means.PARK", "120: Means.UNKNOWN")),
    _pragmatic("an end that cannot succeed is done", Edit(ENDS, "120: Means.PARK", "120: Means.DONE")),
    _listed("an end of an ended session is done", ENDS, "4: Means.DONE"),
    _listed("an end of an unknown player is not found", ENDS, "2: Kind.NOT_FOUND"),
    _listed("every other error parks an end", ENDS, "100: Means.PARK"),
    _pragmatic(
        "a read has the table of a bet",
        Edit(GET_BALANCE, "params, READS", "params, BETS"),
        harmless="no code of either table is a yes; only the kind of a decline is lost",
    ),
    _pragmatic(
        "an ended session still reads",
        Edit(READS, "4: Kind.SESSION", "4: Means.DONE"),
        harmless="no error has a player or a balance",
    ),
    _pragmatic("a refund has the table of a bet", Edit(ROLL_BACK, "{**ENDS, **not_found}", "{**BETS, **not_found}")),
)

IDS: Final = (
    _reference("the reference tells the try", "transfer_hex(NAMESPACE, transfer, step, str(transfer.tries))"),
    _reference("the reference is made up", '__import__("uuid").uuid4().hex'),
    _reference(
        "the reference holds the session", "transfer_hex(NAMESPACE, transfer, step, repr(transfer.spare_session))"
    ),
    _reference("the reference is the game's id", "transfer.id"),
    _reference("the reference has its dashes", 'transfer_hex(NAMESPACE, transfer, step) + "-"'),
    _reference("bet and result have one reference", 'transfer_hex(NAMESPACE, transfer, "hold")'),
    _pragmatic(
        "a refund has a reference of its own", Edit(ROLL_BACK, BET_REFERENCE, BET_REFERENCE.replace("hold", "rollback"))
    ),
    _pragmatic("a refund names the result", Edit(ROLL_BACK, BET_REFERENCE, BET_REFERENCE.replace("hold", "confirm"))),
    _pragmatic(
        "a refund names what the operator gave",
        Edit(ROLL_BACK, BET_REFERENCE, f'transfer.memory.get("transactionId") or {BET_REFERENCE}'),
    ),
    _pragmatic(
        "a refund needs what the operator gave",
        Edit(
            ROLL_BACK,
            f'"reference": {BET_REFERENCE}',
            f'"reference": {BET_REFERENCE}, "betId": transfer.memory["transactionId"]',
        ),
    ),
    _round("a round tells the try", 'str(transfer_number(NAMESPACE, transfer, "round", str(transfer.tries)))'),
    _round("a round is the time", "str(int(self.http.now()))"),
    _round("a round is the time of the withdraw", "str(int(transfer.opened_at))"),
    _round("a round is the player's", "str(abs(hash(transfer.session.player_id)))"),
    _round("a round folds case", "str(int.from_bytes(transfer.id.casefold().encode()) % 2**63)"),
    _pragmatic("the game's id is left out", Edit(ROUND, '"roundDetails": transfer.id,', "")),
    _pragmatic(
        "a bet names the token as its player", Edit(ROUND, "known_player(transfer.session)", "transfer.session.token")
    ),
    _pragmatic(
        "a player whom nobody knows is named all the same",
        Edit(ROUND, "known_player(transfer.session)", "transfer.session.player_id"),
        harmless="the operator finds no player of that name, and books nothing",
    ),
    _pragmatic(
        "the session is the spare one",
        Edit(WITHDRAW, "transfer.session.token", "(transfer.spare_session or transfer.session).token"),
    ),
    _pragmatic(
        "a bet names no session",
        Edit(WITHDRAW, ', "token": transfer.session.token', ""),
        harmless="the contract lets a bet leave its session out",
    ),
)

AMOUNTS: Final = (
    _amount("the amount is rounded", 'f"{transfer.amount.amount:.2f}"'),
    _amount("the amount goes through a float", 'f"{float(transfer.amount.amount):.2f}"'),
    _amount(
        "the amount is not padded", "decimal_text(transfer.amount, PLACES, padded=False, integer_digits=INTEGER_DIGITS)"
    ),
    _amount("the amount has three places", "decimal_text(transfer.amount, 3, integer_digits=INTEGER_DIGITS)"),
    _amount("the amount is in cents", 'f"{transfer.amount.amount * 100:.2f}"'),
    _amount("the amount has any number of digits", "decimal_text(transfer.amount, PLACES)"),
    _amount("an amount that is too large is cut", "decimal_text(transfer.amount, PLACES)[-11:]"),
    _amount("the amount has a comma", f'{DECIMAL}.replace(".", ",")'),
    _amount("the amount is padded with a space", f'" " + {DECIMAL}'),
    _pragmatic("a result gives the amount back", Edit(CONFIRM, '"0.00"', 'f"{transfer.amount.amount:.2f}"')),
    _pragmatic("a result of 0 is empty", Edit(CONFIRM, '"0.00"', '"0"')),
    _pragmatic(
        "the account's currency is not compared",
        Edit(CURRENCY, "theirs.casefold() != ours.casefold()", "False"),
        harmless="the answer names the account's currency, so that the gateway rolls the bet back",
    ),
    _pragmatic(
        "the operator's code of a currency is not looked up",
        Edit(
            CURRENCY, "operators_code(self.settings.currencies, transfer.amount.currency)", "transfer.amount.currency"
        ),
    ),
    _pragmatic(
        "a balance keeps the operator's code",
        Edit(BALANCE, "games_code(self.settings.currencies, currency.strip())", "currency"),
    ),
    _pragmatic("a balance is rounded", Edit(BALANCE, 'answer.get("cash")', 'round(answer["cash"], 2)')),
    _pragmatic("a balance goes through a float", Edit(BALANCE, 'answer.get("cash")', 'str(float(answer["cash"]))')),
    _pragmatic("a balance is the bonus", Edit(BALANCE, 'answer.get("cash")', 'answer.get("bonus")')),
)

REQUESTS: Final = (
    _sent("an unclear answer is asked for again", f"try:\n        {SENT}\n    except Unclear:\n        {SENT}"),
    _sent("HTTP 503 is asked again", f"{SENT}\n    if response.status == 503:\n        {SENT}"),
    _sent("an error 100 is asked again", f"{SENT}\n    if b'100' in response.body:\n        {SENT}"),
    _sent("every request is sent twice", f"{SENT}\n    {SENT}"),
    _sent(
        "a request is a GET",
        SENT.replace("self.http.post(", 'self.http.request("GET", ').replace(
            "body, HEADERS", "body=body, headers=HEADERS"
        ),
    ),
    _sent("the type of the body is left out", SENT.replace(", HEADERS", "")),
    _sent("the type of the body is JSON", SENT.replace("HEADERS", '{"Content-Type": "application/json"}')),
    _sent("a header tells the time", SENT.replace("HEADERS", '{**HEADERS, "X-Time": str(self.http.now())}')),
    _sent("the page is not named", SENT.replace(".html", "")),
    _hashed(
        "the hash is over unsorted parameters",
        '"&".join(f"{k}={v}" for k, v in signed.items()) + self.settings.secret_key.get_secret_value()',
    ),
    _hashed(
        "the hash is over empty parameters too",
        '"&".join(f"{k}={v}" for k, v in sorted(signed.items())) + self.settings.secret_key.get_secret_value()',
        harmless="no parameter is ever empty",
    ),
    _hashed("the hash is without the provider", "sorted_pairs(params) + self.settings.secret_key.get_secret_value()"),
    _hashed(
        "the key stands before the parameters", "self.settings.secret_key.get_secret_value() + sorted_pairs(signed)"
    ),
    _hashed("the key is masked", "sorted_pairs(signed) + str(self.settings.secret_key)"),
    _hashed(
        "the hash is over quoted values",
        "encode_form(sorted(signed.items())).decode() + self.settings.secret_key.get_secret_value()",
    ),
    _form("the hash is in upper case", FORM.replace("md5_hex(text.encode())", "md5_hex(text.encode()).upper()")),
    _form(
        "the form is not quoted",
        'body = ("&".join(f"{k}={v}" for k, v in signed.items()) + "&hash=" + md5_hex(text.encode())).encode()',
    ),
    _form("the hash is left out", "body = encode_form([*signed.items()])"),
    _form("the hash is of Latin letters", FORM.replace("text.encode()", 'text.encode("latin-1", "replace")')),
    _pragmatic("the time is that of the try", Edit(TRANSACTION, TIME, "self.http.now()")),
    _pragmatic("the time is that of the change", Edit(TRANSACTION, TIME, "transfer.changed_at")),
    _pragmatic(
        "`confirm: none` is not looked at",
        Edit(
            CONFIRM,
            "return Receipt()",
            ZERO_WIN,
        ),
    ),
    _pragmatic(
        "`confirm: close_round` is not looked at",
        Edit(
            CONFIRM,
            'return Receipt(self._balance(await self._post("endRound", self._round_params(transfer), ENDS)))',
            ZERO_WIN,
        ),
    ),
    _pragmatic(
        "a confirm is never sent",
        Edit(CONFIRM, 'return self._receipt(await self._post("result", params, ENDS))', "return Receipt()"),
    ),
    _pragmatic("a confirm is a refund", Edit(CONFIRM, '"result"', '"refund"')),
    _pragmatic("a refund is a result", Edit(ROLL_BACK, '"refund"', '"result"')),
    _pragmatic("a bet is sent without asking for its player", Edit(f"{PRAGMATIC}needs_player", "True", "False")),
)

READ_CALLS: Final = (
    _pragmatic("the player is the token", Edit(VERIFY, "player_id=player_id", "player_id=session.token")),
    _pragmatic(
        "the player is normalised",
        Edit(VERIFY, "player_id=player_id", 'player_id=__import__("unicodedata").normalize("NFKC", player_id)'),
    ),
    _pragmatic(
        "a session without a player is known",
        Edit(VERIFY, "if not isinstance(player_id, str) or not player_id:", "if False:"),
        harmless="the gateway itself refuses a player without an id",
    ),
    _pragmatic(
        "the account's currency is not remembered",
        Edit(VERIFY, '{"currency": named} if', "{} if"),
        harmless="the gateway compares the currency of the answer, and rolls back",
    ),
    _pragmatic(
        "a balance that cannot be read is zero",
        Edit(
            GET_BALANCE,
            "if balance is None:",
            'if balance is None:\n        return from_decimal(0, "XAG")\n    if False:',
        ),
    ),
    _pragmatic(
        "the balance is the one of the call before",
        Edit(
            WITHDRAW,
            BET_RECEIPT,
            "before, self._kept = getattr(self, '_kept', None), self._balance(answer)\n    return Receipt(before)",
        ),
    ),
    _pragmatic("the balance of a bet is its amount", Edit(WITHDRAW, BET_RECEIPT, "return Receipt(transfer.amount)")),
)

SECRETS: Final = (
    _sent("a request is printed", f"print(body)\n    {SENT}"),
    _sent("the text that is hashed is logged", f'__import__("logging").getLogger("p").info(text)\n    {SENT}'),
    _sent("the key is written backwards", f"print(self.settings.secret_key.get_secret_value()[::-1])\n    {SENT}"),
    _sent("the token is in a warning", f'__import__("warnings").warn(str(params.get("token")))\n    {SENT}'),
    _pragmatic(
        "the token is remembered",
        Edit(
            WITHDRAW,
            BET_RECEIPT,
            "return self._receipt(answer, transactionId=_id_of(answer), token=transfer.session.token)",
        ),
    ),
    _pragmatic(
        "the hashed text is remembered",
        Edit(
            WITHDRAW,
            BET_RECEIPT,
            "text = self.settings.secret_key.get_secret_value().encode().hex()\n"
            "    return self._receipt(answer, transactionId=_id_of(answer), key=text)",
        ),
    ),
)

CANARIES: Final = (*ANSWERS, *TABLES, *IDS, *AMOUNTS, *REQUESTS, *READ_CALLS, *SECRETS)
