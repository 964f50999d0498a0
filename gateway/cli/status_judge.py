"""What `mm-gateway status` makes of the facts: a section for each subject, with what is found wrong in it. Pure:
nothing is asked here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec

from gateway.alerting.thresholds import (
    CERTIFICATE_ENDS_DAYS,
    CERTIFICATE_ENDS_SOON_DAYS,
    CLOCK_OFF_S,
    DAY_S,
    DESCRIPTORS_NEAR_LIMIT,
    FREE_BYTES,
    JOURNAL_QUEUE_FULL,
    MEMORY_NEAR_LIMIT,
    UNDELIVERED_MINUTES,
)
from gateway.cli.status_advice import ADVICE, Urgency
from gateway.cli.status_facts import Facts, JournalFacts
from gateway.cli.times import time_text
from gateway.cli.views import View, attempt_view, keyed_reason_view
from gateway.records import Instance, State, Timeline, Verdict
from gateway.runtime.journal_growth import WARNED_FROM_BYTES
from gateway.telemetry.gauges import IN_DELIVERY
from gateway.transfers.housekeeping import INSTANCE_LEASE_S

NEAR_LIMITS: Final = {
    "file descriptors": ("descriptors_near_limit", DESCRIPTORS_NEAR_LIMIT),
    "memory": ("memory_near_limit", MEMORY_NEAR_LIMIT),
    "waiting writes": ("queue_full", JOURNAL_QUEUE_FULL),
}
"""By what is limited: the finding, and the share of the limit from which it is one."""

MEASURED: Final = {
    "schema": "schema",
    "about_transfers": "transfers",
    "about_sessions": "sessions",
    "data_bytes": "data_bytes",
    "log_bytes": "log_bytes",
    "free_bytes": "free_bytes",
}
"""What is told of `JournalMeasures`, under which name. Counting rows takes long, so that these are estimates."""


class StatusFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not well. `code` is a key of `ADVICE`; `about` fills in its commands."""

    code: str
    text: str
    about: dict[str, str] = {}

    @property
    def urgency(self) -> Urgency:
        """What it asks for."""
        return ADVICE[self.code].urgency

    @property
    def commands(self) -> tuple[str, ...]:
        """What to type."""
        return tuple(command.format_map(self.about) for command in ADVICE[self.code].commands)


class StatusSection(msgspec.Struct, frozen=True, kw_only=True):
    """One subject: its facts as rows, and what is wrong."""

    subject: str
    facts: tuple[View, ...] = ()
    findings: tuple[StatusFinding, ...] = ()

    @property
    def urgency(self) -> Urgency:
        """That of the worst finding."""
        return most_urgent(finding.urgency for finding in self.findings)


def most_urgent(urgencies: Iterable[Urgency]) -> Urgency:
    """The worst of them; `OK` for none."""
    return max(urgencies, key=list(Urgency).index, default=Urgency.OK)


def judge(facts: Facts) -> tuple[StatusSection, ...]:
    """Every section, in the order in which a person looks."""
    parts = (
        ("gateway", _gateway_row(facts), _of_gateway(facts)),
        ("configuration", _configuration_row(facts), _of_configuration(facts)),
        ("instances", _instance_rows(facts), chain(_not_read(facts), _of_instances(facts))),
        ("clocks", _clock_rows(facts), chain(_not_read(facts), _of_clocks(facts))),
        ("journals", _journal_rows(facts), _of_journals(facts)),
        ("backlog", _backlog_rows(facts), chain(_not_read(facts), _of_backlog(facts))),
        ("last errors", _error_rows(facts), chain(_not_read(facts), _of_errors(facts))),
        ("breakers", _breaker_rows(facts), chain(_not_asked(facts), _of_breakers(facts))),
        ("certificates", _certificate_rows(facts), _of_certificates(facts)),
    )
    return tuple(
        StatusSection(subject=subject, facts=tuple(rows), findings=tuple(findings)) for subject, rows, findings in parts
    )


def _found(code: str, text: str, **about: str) -> StatusFinding:
    return StatusFinding(code=code, text=text, about=about)


def _not_read(facts: Facts) -> Iterator[StatusFinding]:
    """A subject of which only a part is known is not well."""
    for journal in facts.journals:
        if journal.problem:
            yield _found("not_known", f"without what the journal {journal.name} holds: see journals")


def _not_asked(facts: Facts) -> Iterator[StatusFinding]:
    if facts.gateway.problem or facts.gateway.metrics_problem:
        yield _found("not_known", "without those of the gateway on this machine: see gateway")


def _gateway_row(facts: Facts) -> Iterator[View]:
    gateway = facts.gateway
    yield {
        "address": gateway.address or None,
        "answers": not gateway.problem,
        "version": gateway.version or None,
        "this_version": facts.version,
        **{f"{what.replace(' ', '_')}_used": _rounded(gateway.used.get(what)) for what in NEAR_LIMITS},
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _of_gateway(facts: Facts) -> Iterator[StatusFinding]:
    gateway = facts.gateway
    if not gateway.address:
        yield _found("gateway_unasked", gateway.problem)
    elif gateway.problem:
        yield _found("gateway_silent", gateway.problem)
    if gateway.metrics_problem:
        yield _found("gateway_unasked", gateway.metrics_problem)
    for text in gateway.liveness_problems:
        yield _found("gateway_not_alive", text)
    for text in gateway.readiness_problems:
        yield _found("gateway_not_ready", text)
    if gateway.version and gateway.version != facts.version:
        yield _found("versions_differ", f"it runs {gateway.version}, and this command is {facts.version}")
    for what, share in gateway.used.items():
        code, limit = NEAR_LIMITS[what]
        if share > limit:
            yield _found(code, f"{share:.0%} of its {what} are used")


def _configuration_row(facts: Facts) -> Iterator[View]:
    configuration = facts.configuration
    yield {
        "file": configuration.file,
        "hash": configuration.hash or None,
        "running_hash": facts.gateway.configuration or None,
        "last_reload_applied": facts.gateway.reload_ok if facts.gateway.version else None,
    }


def _of_configuration(facts: Facts) -> Iterator[StatusFinding]:
    configuration, gateway = facts.configuration, facts.gateway
    for text in configuration.problems:
        yield _found("config_wrong", text)
    for text in configuration.unreadable:
        yield _found("config_unreadable", text)
    if not gateway.reload_ok:
        yield _found("config_reload_refused", "the gateway has refused its last reload")
    if configuration.hash and gateway.configuration and configuration.hash != gateway.configuration:
        hashes = f"{gateway.configuration}, and the file is {configuration.hash}"
        yield _found("config_not_reloaded", f"the gateway runs the configuration {hashes}")


def _is_alive(instance: Instance, journal: JournalFacts) -> bool:
    return instance.lease_until >= journal.now


def _instance_rows(facts: Facts) -> Iterator[View]:
    for journal in facts.journals:
        for instance in journal.instances:
            yield {
                "journal": journal.name,
                "instance": instance.id,
                "alive": _is_alive(instance, journal),
                "lease_left_s": round(instance.lease_until - journal.now, 1),
                "started_at": time_text(instance.started_at),
                "version": instance.version,
                "configuration": instance.configuration,
            }


def _of_instances(facts: Facts) -> Iterator[StatusFinding]:
    for journal in facts.journals:
        alive = [each for each in journal.instances if _is_alive(each, journal)]
        if journal.measures is not None and not alive:
            yield _found("no_instance_alive", f"no gateway has a lease in the journal {journal.name}")
        for instance in journal.instances:
            ago_s = journal.now - instance.lease_until
            if ago_s > 0:
                yield _found("lease_ended", f"{instance.id} has not renewed its lease, which ended {ago_s:.0f} s ago")
    instances = [each for journal in facts.journals for each in journal.instances if _is_alive(each, journal)]
    versions = sorted({each.version for each in instances if each.version})
    if len(versions) > 1:
        yield _found("versions_differ", f"gateways run {' and '.join(versions)}")
    hashes = sorted({each.configuration for each in instances if each.configuration})
    if len(hashes) > 1:
        yield _found("configurations_differ", f"gateways run the configurations {' and '.join(hashes)}")


def _clock_rows(facts: Facts) -> Iterator[View]:
    for journal in facts.journals:
        measures = journal.measures
        if measures is not None:
            yield {
                "journal": journal.name,
                "now": time_text(journal.now),
                "this_machine_ahead_s": _rounded(measures.clock_offset_s),
            }


def _of_clocks(facts: Facts) -> Iterator[StatusFinding]:
    for journal in facts.journals:
        offset_s = 0.0 if journal.measures is None else journal.measures.clock_offset_s or 0.0
        if abs(offset_s) > CLOCK_OFF_S:
            where = "ahead of" if offset_s > 0 else "behind"
            yield _found(
                "clock_off", f"this machine is {abs(offset_s):.1f} s {where} the database of the journal {journal.name}"
            )
        for instance in journal.instances:
            ahead_s = instance.lease_until - journal.now - INSTANCE_LEASE_S
            if ahead_s > CLOCK_OFF_S:
                yield _found(
                    "lease_ahead", f"{instance.id} is at least {ahead_s:.0f} s ahead of {journal.name}'s clock"
                )


def _journal_rows(facts: Facts) -> Iterator[View]:
    for journal in facts.journals:
        measures = journal.measures
        yield {
            "journal": journal.name,
            "store": journal.store,
            "reached": measures is not None,
            "writable": measures is not None and not journal.write_problem,
            **{name: getattr(measures, of, None) for name, of in MEASURED.items()},
        }


def _of_journals(facts: Facts) -> Iterator[StatusFinding]:
    for journal in facts.journals:
        if journal.problem:
            yield _found(journal.problem_code, f"{journal.name}: {journal.problem}", journal=journal.name)
        if journal.write_problem and journal.write_problem != journal.problem:
            yield _found("journal_unwritable", f"{journal.name}: {journal.write_problem}", journal=journal.name)
        if journal.measures is not None:
            yield from _of_disk(journal)


def _of_disk(journal: JournalFacts) -> Iterator[StatusFinding]:
    assert journal.measures is not None
    free, log = journal.measures.free_bytes, journal.measures.log_bytes
    if free is not None and free < FREE_BYTES:
        yield _found("disk_nearly_full", f"{journal.name}: {_megabytes(free)} are free on its disk")
    if log is not None and log >= WARNED_FROM_BYTES:
        readers = ", ".join(journal.log_readers) or "not visible to this user"
        yield _found(
            "log_grows", f"{journal.name}: its write-ahead log has {_megabytes(log)}; it is open in: {readers}"
        )


def _megabytes(size: int) -> str:
    return f"{size / 10**6:,.0f} MB"


def _backlog_rows(facts: Facts) -> Iterator[View]:
    for journal in facts.journals:
        for each in journal.unfinished:
            yield {
                "journal": journal.name,
                "operator": each.operator,
                "direction": each.direction,
                "state": each.state,
                "transfers": each.count,
                "oldest_s": max(0, round(journal.now - each.oldest_at)),
                "abandoned": each.abandoned if each.state is State.HELD else 0,
            }


def _of_backlog(facts: Facts) -> Iterator[StatusFinding]:
    for operator in sorted({each.operator for journal in facts.journals for each in journal.unfinished}):
        rows = [
            (each, journal.now - each.oldest_at)
            for journal in facts.journals
            for each in journal.unfinished
            if each.operator == operator
        ]
        id_ = _example(facts, operator)
        if parked := sum(each.count for each, _ in rows if each.state is State.PARKED):
            yield _found("parked", f"{operator}: {_transfers(parked)} parked", operator=operator, id=id_)
        waits_s = max((age_s for each, age_s in rows if each.state in IN_DELIVERY), default=0.0)
        if waits_s > UNDELIVERED_MINUTES * 60:
            text = f"{operator}: a confirm or rollback is not acknowledged for {waits_s / 60:.0f} min"
            yield _found("undelivered", text, operator=operator)
        if abandoned := sum(each.abandoned for each, _ in rows if each.state is State.HELD):
            text = f"{operator}: the game leaves {abandoned} held transfers undecided"
            yield _found("abandoned", text, operator=operator)
        if facts.operators is not None and operator not in facts.operators:
            count = sum(each.count for each, _ in rows)
            yield _found("operator_missing", f"{operator}: {_transfers(count)} unfinished", operator=operator)


def _transfers(count: int) -> str:
    return "1 transfer is" if count == 1 else f"{count} transfers are"


def _example(facts: Facts, operator: str) -> str:
    """The id of a parked transfer of the operator, or `ID`."""
    shown = (each.transfer for journal in facts.journals for each in journal.undelivered)
    return next((each.id for each in shown if each.operator == operator and each.state is State.PARKED), "ID")


def _failing(facts: Facts) -> Iterator[tuple[JournalFacts, Timeline]]:
    """Undelivered transfers whose last try has failed."""
    for journal in facts.journals:
        for timeline in journal.undelivered:
            if timeline.attempts and timeline.attempts[-1].verdict is not Verdict.SUCCESS:
                yield journal, timeline


def _error_rows(facts: Facts) -> Iterator[View]:
    for journal, timeline in _failing(facts):
        transfer, attempt = timeline.transfer, attempt_view(timeline.attempts[-1])
        row = {"operator": transfer.operator, "direction": transfer.direction, "id": transfer.id}
        what = {"what": f"{attempt['call']}: {attempt['verdict']}", "text": attempt["detail"]}
        yield {"journal": journal.name, "at": attempt["at"], **row, **what}
    for journal in facts.journals:
        for reason in map(keyed_reason_view, journal.reasons):
            row = {name: reason[name] for name in ("at", "operator", "direction", "id")}
            yield {"journal": journal.name, **row, "what": f"rolled back: {reason['category']}", "text": reason["text"]}


def _of_errors(facts: Facts) -> Iterator[StatusFinding]:
    latest: dict[str, Timeline] = {}
    for _, timeline in _failing(facts):
        known = latest.setdefault(timeline.transfer.operator, timeline)
        if timeline.attempts[-1].at > known.attempts[-1].at:
            latest[timeline.transfer.operator] = timeline
    for operator, timeline in sorted(latest.items()):
        attempt = timeline.attempts[-1]
        said = ", ".join(part for part in (attempt.kind, attempt.detail) if part)
        text = f"{operator}: {attempt.call} came to {attempt.verdict} at {time_text(attempt.at)}"
        yield _found("tries_fail", f"{text}: {said}" if said else text, id=timeline.transfer.id)


def _breaker_rows(facts: Facts) -> Iterator[View]:
    return (msgspec.structs.asdict(breaker) for breaker in facts.gateway.breakers)


def _of_breakers(facts: Facts) -> Iterator[StatusFinding]:
    for operator in sorted({breaker.operator for breaker in facts.gateway.breakers}):
        states = [f"{each.calls} {each.state}" for each in facts.gateway.breakers if each.operator == operator]
        yield _found("breaker_not_closed", f"{operator}: {', '.join(states)}", operator=operator)


def _certificate_rows(facts: Facts) -> Iterator[View]:
    for name in sorted({*facts.certificates, *facts.gateway.certificates}):
        in_file, in_use = facts.certificates.get(name), facts.gateway.certificates.get(name)
        ends_at = in_use if in_file is None else in_file
        assert ends_at is not None
        yield {
            "certificate": name,
            "ends_at": time_text(in_file) or None,
            "in_use_ends_at": time_text(in_use) or None,
            "days_left": round((ends_at - facts.at) / DAY_S, 1),
        }


def _of_certificates(facts: Facts) -> Iterator[StatusFinding]:
    for name in sorted({*facts.certificates, *facts.gateway.certificates}):
        in_file, in_use = facts.certificates.get(name), facts.gateway.certificates.get(name)
        ends_at = min(each for each in (in_file, in_use) if each is not None)
        days = (ends_at - facts.at) / DAY_S
        when = f"{name} ends in {days:.1f} days" if days > 0 else f"{name} ended {-days:.1f} days ago"
        if days < CERTIFICATE_ENDS_SOON_DAYS:
            yield _found("certificate_ends_soon", when)
        elif days < CERTIFICATE_ENDS_DAYS:
            yield _found("certificate_ends", when)
        if in_file is not None and in_use is not None and in_file != in_use:
            text = f"{name}: the file's ends at {time_text(in_file)}, the one in use at {time_text(in_use)}"
            yield _found("certificate_not_reloaded", text)
