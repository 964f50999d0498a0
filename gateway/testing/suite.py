"""Plays the behaviours on an adapter and says which grade it has reached."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from gateway.testing.behaviours import BEHAVIOURS, Behaviour, Case, Grade
from gateway.testing.mismatch import Mismatch, Unmet
from gateway.testing.output import Output, captured
from gateway.testing.subject import Subject
from gateway.testing.workbench import Workbench, workbench

AT_ONCE: Final = 16
"""Cases that are played at the same time: most of their time some wait for an operator that hangs."""

SHOWN: Final = 5
"""How many mismatches of one behaviour a text shows."""


class Passing(StrEnum):
    """Whether an adapter has a behaviour."""

    PASSED = "passed"
    EXEMPT = "exempt"  # it does not, and the contract is why
    FAILED = "failed"


class BehaviourResult(msgspec.Struct, frozen=True):
    """What playing one behaviour came to. `exemption` is the declared reason, empty for none; `problem` says what is
    wrong with it. A behaviour without any cases (no deposits, say) is passed."""

    behaviour: str
    grade: Grade
    passing: Passing
    mismatches: list[Mismatch]
    exemption: str = ""
    problem: str = ""

    @property
    def text(self) -> str:
        """Why it failed, in lines; empty if it did not."""
        if self.passing is not Passing.FAILED:
            return ""
        about = BEHAVIOURS[self.behaviour].about.partition("\n\n")[0]
        hidden = len(self.mismatches) - SHOWN
        lines = [f"{self.behaviour} ({self.grade}): {' '.join(about.split())}"]
        lines += [self.problem] if self.problem else [str(each) for each in self.mismatches[:SHOWN]]
        return "\n".join([*lines, *([f"  and {hidden} more like these"] if hidden > 0 else [])])


class Report(msgspec.Struct, frozen=True):
    """What the suite says of an adapter. `grade` is None if money could be lost. `problems` are exemptions that name no
    behaviour."""

    adapter: str
    grade: Grade | None
    results: list[BehaviourResult]
    problems: list[str]

    @property
    def passed(self) -> bool:
        """Whether everything passed that is not exempt."""
        return self.problems == [] and all(result.passing is not Passing.FAILED for result in self.results)


async def check_adapter(name: str, subject: Subject) -> Report:
    """Plays every behaviour, one after the other."""
    results = [await check_behaviour(behaviour, subject) for behaviour in BEHAVIOURS.values()]
    return Report(name, grade_of(results), results, wrong_exemptions(subject.simulated.exemptions))


async def check_behaviour(behaviour: Behaviour, subject: Subject) -> BehaviourResult:
    """Plays one behaviour."""
    mismatches = await mismatches_of(behaviour, subject)
    reason = subject.simulated.exemptions.get(behaviour.name)
    problem = "" if reason is None else _exemption_problem(behaviour, reason, mismatches)
    if problem or (mismatches and reason is None):
        passing = Passing.FAILED
    else:
        passing = Passing.PASSED if reason is None else Passing.EXEMPT
    return BehaviourResult(behaviour.name, behaviour.grade, passing, mismatches, reason or "", problem)


async def mismatches_of(behaviour: Behaviour, subject: Subject) -> list[Mismatch]:
    """What the adapter does otherwise than this behaviour, in the order of its cases."""
    limit = asyncio.Semaphore(AT_ONCE)
    subjects = subject.variants if behaviour.again else [subject]
    cases = [(each, case) for each in subjects for case in behaviour.cases(each)]
    with captured() as output:
        found = await asyncio.gather(*(_play(each, case, limit, output) for each, case in cases))
    return [mismatch for mismatches in found for mismatch in mismatches]


async def _play(subject: Subject, case: Case, limit: asyncio.Semaphore, output: Output) -> list[Mismatch]:
    async with (
        limit,
        workbench(
            subject,
            balance=case.balance,
            unknown=case.unknown,
            manner=case.manner,
            player=case.player,
            token=case.token,
            output=output,
        ) as bench,
    ):
        await _play_on(bench, case)
    settings = f" under {dict(subject.settings)}" if subject.settings else ""
    return [
        msgspec.structs.replace(mismatch, case=(mismatch.case or case.name) + settings) for mismatch in bench.mismatches
    ]


async def _play_on(bench: Workbench, case: Case) -> None:
    try:
        await case.play(bench)
    except Unmet:
        pass
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises is a mismatch
        bench.expect(False, "no exception", f"{type(error).__name__}: {error}")  # noqa: FBT003 - as in `assert False`


def grade_of(results: list[BehaviourResult]) -> Grade | None:
    """The highest grade whose behaviours, and those of the grades before it, have not failed."""
    reached = None
    for grade in Grade:
        if any(result.passing is Passing.FAILED for result in results if result.grade is grade):
            break
        reached = grade
    return reached


def wrong_exemptions(exemptions: Mapping[str, str]) -> list[str]:
    """The exemptions that name no behaviour, one text each."""
    return [f"an exemption names {name!r}, which is not a behaviour" for name in exemptions if name not in BEHAVIOURS]


def _exemption_problem(behaviour: Behaviour, reason: str, mismatches: list[Mismatch]) -> str:
    if not behaviour.exemptible:
        return "  no contract can be exempt from this behaviour: without it, money or secrets are lost"
    if not reason.strip():
        return "  the exemption gives no reason"
    return "" if mismatches else f"  the exemption ({reason}) is not needed: the adapter has this behaviour"
