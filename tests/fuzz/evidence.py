"""What an answer may count as, whichever contract it is of: derived from pairs of real answers to the same request.

Where yes and no of one request differ is where an answer says which of both it is. So without knowing a contract:

- The place of the error code is where `Simulated.answer_code` puts the code that it is asked for; a code such as
  "522/100" stands in several. An answer with anything else there than the yes has (or than a code that means "done
  before") is no yes.
- The answer that is meant for another transfer, session or request differs from the yes in what the contract echoes. An
  answer that has nothing of that as in the yes is no yes. Contracts that echo nothing declare it.
- An answer that is like a no in everything in which that no differs from the yes is no yes.
- Under another HTTP status than the contract's there is no yes, and an answer with no member of the yes is none.
- A decline has its error code in its place, and the contract says that this code is a decline of that kind; or the
  answer is like a refusal without a code, in everything in which that differs from the yes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway.money import Money
from gateway.operators import Declined, HttpResponse, Kind, OperatorError, Player, Receipt, TransferStatus, Unsent
from gateway.operators.errors import Refused
from gateway.sandbox.simulated import Act, Meaning
from tests.fuzz.readings import ENTRY, HEADER, STATUS, Place, Said, folded, said, text_of
from tests.fuzz.scenes import PLAYER, Scene

RETURNED: Final[dict[Act, type]] = {Act.VERIFY: Player, Act.BALANCE: Money, Act.LOOK_UP: TransferStatus}
"""What a call returns; all others a `Receipt`."""

MOVES: Final = (Act.HOLD, Act.CONFIRM, Act.ROLLBACK)
LOOKS: Final = (Act.VERIFY, Act.BALANCE)

SEPARATORS: Final = re.compile("[/:| ]")
"""Between the parts of a code, such as the HTTP status and a number."""

Difference = dict[Place, list[str]]


class Judge:
    """Judges the answers of one scene, whether or not its contract reads names in any case."""

    def __init__(self, scene: Scene) -> None:
        self._read_body = type(scene.simulated).read_body
        self.exact = Evidence(scene, lambda found: found)
        self._folded = Evidence(scene, folded)

    def objection(self, answer: HttpResponse, outcome: object) -> str:
        """Why the adapter may not make this of the answer, empty if it may."""
        if isinstance(outcome, OperatorError) and not isinstance(outcome, Declined | Unsent | Refused):
            return ""
        found = said(answer, self._read_body)
        return self.exact.objection(found, answer.status, outcome) and self._folded.objection(
            folded(found), answer.status, outcome
        )


class Evidence:
    """What tells the answers of one scene from each other; `names` is how the names in them are read."""

    def __init__(self, scene: Scene, names: Callable[[Said], Said]) -> None:
        self._scene = scene
        self._yes = names(scene.yes.said)
        refusals = [(about, names(base.said)) for about, base in scene.refusals]
        self._codes = [
            (_code_in(code, found), _meaning(scene, code)) for code, found in refusals if not isinstance(code, Kind)
        ]
        self.code_at = {place for code, _ in self._codes for place in code if place != STATUS or len(code) == 1}
        others = [names(base.said) for base in scene.others]
        self.echoed = {place for other in others for place in self._difference(other)}
        self._members = [place for place in self._yes if place[0] != HEADER and place != STATUS]
        self._nos = [self._difference(found) for about, found in refusals if self._is_no(about, found)]
        self._nos += map(self._difference, others)
        self._declines = [
            (about, self._difference(found))
            for about, found in refusals
            if isinstance(about, Kind) and not self._told(found)
        ]
        self._player_at = next((place for place, texts in self._yes.items() if texts == [PLAYER]), None)

    @property
    def codes(self) -> list[Difference]:
        """Each error code's places in the answer that is asked for it, and what stands there."""
        return [code for code, _ in self._codes]

    def objection(self, found: Said, status: int, outcome: object) -> str:
        """Why the adapter may not make this of what is said, empty if it may."""
        if isinstance(outcome, Declined):
            return self._objection_to_decline(found, outcome.kind)
        if isinstance(outcome, Unsent | Refused):
            return f"{type(outcome).__name__}, though the operator has answered"
        if not isinstance(outcome, RETURNED.get(self._scene.act, Receipt)):
            return f"neither an answer nor one of the interface's errors: {type(outcome).__name__}"
        if outcome is TransferStatus.NOT_FOUND:
            return self._objection_to_decline(found, Kind.NOT_FOUND)
        return self._objection_to_yes(found, status, outcome)

    def _objection_to_yes(self, found: Said, status: int, outcome: object) -> str:
        if self._is_about_another(found):
            return "a yes to another request"
        if self._means_done(found):
            return ""
        wrong = {
            "a yes under an HTTP status that is not one of a yes": status not in self._scene.simulated.success_statuses,
            "a yes though the code is not that of a yes": any(
                _at(found, at) != _at(self._yes, at) for at in self.code_at
            ),
            "a yes without any member of a yes": not self.echoed and not any(at in found for at in self._members),
            "a yes though all that tells a no from a yes is as in a no": any(_is_like(found, no) for no in self._nos),
            "a player whom the answer does not name": self._is_another_player(found, outcome),
        }
        return next((text for text, is_so in wrong.items() if is_so), "")

    def _is_another_player(self, found: Said, outcome: object) -> bool:
        """Some adapters know the player from elsewhere, so that the answer need not name them. White space is what an
        answer with a blank name says."""
        if not isinstance(outcome, Player) or self._player_at is None:
            return False
        named = found.get(self._player_at, [PLAYER])
        return text_of(outcome.player_id) not in (named or [PLAYER, ""])

    def _objection_to_decline(self, found: Said, kind: Kind) -> str:
        """Where no money moves, any code of the contract's will do."""
        told = self._told(found)
        if kind in told or (told and self._scene.act not in MOVES):
            return ""
        if any(about is kind and _has_any(found, decline) for about, decline in self._declines):
            return ""
        return f"a decline ({kind}) that no code of the contract tells" if self._codes else ""

    def _told(self, found: Said) -> list[Kind | Meaning]:
        """The meaning of each error code that is told."""
        return [meaning for code, meaning in self._codes if _is_like(found, code)]

    def _means_done(self, found: Said) -> bool:
        """Whether it has the code of what was done before, and no other."""
        return {*self._told(found)} == {Meaning.DONE}

    def _is_about_another(self, found: Said) -> bool:
        """Looks may leave out what they echo."""
        if not self.echoed or any(self._is_echoed(found, place) for place in self.echoed):
            return False
        return self._scene.act not in LOOKS or any(_at(found, place) for place in self.echoed)

    def _is_echoed(self, found: Said, place: Place) -> bool:
        """In a list, what is ours may stand among others."""
        if ENTRY in place:
            return {*_at(self._yes, place)} <= {*_at(found, place)}
        return _at(found, place) == _at(self._yes, place)

    def _is_no(self, about: str | Kind, found: Said) -> bool:
        """Whether this refusal is no yes: it does not say that it was done before."""
        if about in (Kind.DUPLICATE, Kind.ROLLED_BACK) and not self._told(found):
            return False
        return not self._means_done(found)

    def _difference(self, other: Said) -> Difference:
        """The places in which an answer differs from the yes, with what it says there. Balances only inform."""
        at = tuple(ENTRY if isinstance(part, int) else part for part in self._scene.simulated.balance_at)
        return {
            place: _at(other, place)
            for place in self._yes.keys() | other.keys()
            if _at(self._yes, place) != _at(other, place) and place[-len(at) :] != at
        }


def _at(found: Said, place: Place) -> list[str]:
    return found.get(place, [])


def _code_in(code: str, found: Said) -> Difference:
    """Where this error code stands in the answer that is asked for it, and how."""
    whole, parts = {text_of(code)}, {*map(text_of, SEPARATORS.split(code))}
    body = {place: texts for place, texts in found.items() if place != STATUS and {*texts} == whole}
    return body or {place: texts for place, texts in found.items() if {*texts} & parts}


def _meaning(scene: Scene, code: str) -> Kind | Meaning:
    """Simulated operators need not say it of calls that move no money."""
    return scene.simulated.meaning(code, scene.act, scene.direction) if scene.act in MOVES else Meaning.UNKNOWN


def _is_like(found: Said, difference: Difference) -> bool:
    return bool(difference) and all(_at(found, place) == texts for place, texts in difference.items())


def _has_any(found: Said, difference: Difference) -> bool:
    return any(_at(found, place) == texts for place, texts in difference.items())
