"""Every installed adapter reads mutated real answers: a few thousand here, a million with `make fuzz`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.operators import Declined, HttpResponse, Kind, OperatorError, Receipt, Unclear, registry
from gateway.sandbox.simulated import Act
from tests.fuzz.mutated import Input, Read, Reader, findings, read, reader
from tests.fuzz.readings import ENTRY, said
from tests.fuzz.scenes import Scene, signed_once
from tests.fuzz.spans import spans_of

EXAMPLES: Final = 60
INPUTS: Final = 2000

NUMBERS: Final = st.integers(0, 2**16 - 1)
EDITS: Final = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=4).map(tuple)

ADAPTERS: Final = registry.names()
every_adapter = pytest.mark.parametrize("name", ADAPTERS)


@every_adapter
def test_a_mutated_answer_is_never_a_wrong_receipt_nor_a_wrong_decline_nor_another_exception(name: str) -> None:
    adapter = reader(name)

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.builds(Input, NUMBERS, NUMBERS, EDITS))
    def is_read_rightly(data: Input) -> None:
        assert not adapter.objection(data), adapter.report(data)

    with signed_once():
        is_read_rightly()


@every_adapter
def test_thousands_of_mutated_answers_are_read_rightly(name: str) -> None:
    found = list(findings(reader(name), seed=0, runs=INPUTS))
    assert not found, "\n".join(found)


@every_adapter
def test_every_real_answer_is_read_rightly_as_it_is(name: str) -> None:
    adapter = reader(name)
    with signed_once():
        for at, scene in enumerate(adapter.scenes):
            assert not isinstance(read(scene, scene.yes.answer), Exception), scene.name
            for number in range(len(scene.bases)):
                data = Input(at, number, ())
                assert not adapter.objection(data), adapter.report(data)


@every_adapter
def test_a_yes_with_an_odd_balance_is_a_yes(name: str) -> None:
    with signed_once():
        for scene in reader(name).scenes:
            if scene.act is Act.BALANCE or "a_yes_is_a_yes_whatever_its_balance" in scene.simulated.exemptions:
                continue
            for odd in ("plenty", Decimal(-1), Decimal("0." + "3" * 60), Decimal("1e40")):
                answer = _with_balance(scene, odd)
                assert not isinstance(read(scene, answer), Exception), (scene.name, answer)


def _with_balance(scene: Scene, balance: object) -> HttpResponse:
    """The yes with this balance; as it is, if it has none."""
    answer, place = scene.yes.answer, scene.simulated.balance_at
    members: Any = scene.simulated.read_body(answer.body)
    holder = members
    try:
        for part in place[:-1]:
            holder = holder[part]
        holder[place[-1]] = type(holder[place[-1]])(balance) if isinstance(balance, str) else balance
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return answer
    return replace(answer, body=scene.simulated.write_body(members))


@every_adapter
def test_every_call_of_an_adapter_has_real_answers_of_each_kind(name: str) -> None:
    scenes = reader(name).scenes
    assert {Act.VERIFY, Act.BALANCE, Act.HOLD, Act.ROLLBACK} <= {scene.act for scene in scenes}
    for scene in scenes:
        assert len(scene.bases) > len(Kind), scene.name
        assert scene.yes.spans, scene.name


@every_adapter
def test_the_place_of_every_error_code_is_found(name: str) -> None:
    for scene, judge in zip(reader(name).scenes, reader(name).judges, strict=True):
        assert all(judge.exact.codes), scene.name
        assert bool(judge.exact.code_at) is bool(scene.simulated.codes()), scene.name


def _takes_errors_for_yes(scene: Scene, answer: HttpResponse) -> object:
    outcome = read(scene, answer)
    return Receipt() if isinstance(outcome, Unclear) and scene.act is Act.HOLD else outcome


def _takes_unclear_for_no(scene: Scene, answer: HttpResponse) -> object:
    outcome = read(scene, answer)
    return Declined(Kind.OTHER, outcome.text) if isinstance(outcome, Unclear) else outcome


def _takes_declines_for_yes(scene: Scene, answer: HttpResponse) -> object:
    outcome = read(scene, answer)
    return Receipt() if isinstance(outcome, Declined) and scene.act not in {Act.VERIFY, Act.BALANCE} else outcome


def _ignores_the_status(scene: Scene, answer: HttpResponse) -> object:
    return read(scene, replace(answer, status=scene.yes.answer.status))


def _raises_what_it_likes(scene: Scene, answer: HttpResponse) -> object:
    outcome = read(scene, answer)
    return ValueError(str(outcome)) if type(outcome) is Unclear else outcome


def _forgets_why(scene: Scene, answer: HttpResponse) -> object:
    outcome = read(scene, answer)
    return Declined(Kind.LIMIT, outcome.text) if isinstance(outcome, Declined) else outcome


def _returns_nothing(scene: Scene, answer: HttpResponse) -> object:
    outcome = read(scene, answer)
    return None if isinstance(outcome, OperatorError) else outcome


def _takes_any_answer_for_its_own(scene: Scene, answer: HttpResponse) -> object:
    """As an adapter that does not compare ids: what is another's in the answer is ours."""
    is_another = any(answer == other.answer for other in scene.others)
    return read(scene, scene.yes.answer if is_another else answer)


@every_adapter
@pytest.mark.parametrize(
    "wrong",
    [
        _takes_errors_for_yes,
        _takes_unclear_for_no,
        _takes_declines_for_yes,
        _ignores_the_status,
        _raises_what_it_likes,
        _forgets_why,
        _returns_nothing,
        _takes_any_answer_for_its_own,
    ],
    ids=lambda wrong: wrong.__name__.strip("_"),
)
def test_an_adapter_that_reads_wrongly_is_found_out(name: str, wrong: Read) -> None:
    adapter = Reader(reader(name).scenes, wrong)
    echoes = any(
        scene.others and judge.exact.echoed for scene, judge in zip(adapter.scenes, adapter.judges, strict=True)
    )
    has_codes = bool(adapter.scenes[0].simulated.codes())
    expected: dict[Read, bool] = {
        _takes_any_answer_for_its_own: echoes,
        _takes_unclear_for_no: has_codes,
        _forgets_why: has_codes,
    }
    # As they are, too: few inputs leave an answer as it is.
    plain = (Input(at, number, ()) for at, scene in enumerate(adapter.scenes) for number in range(len(scene.bases)))
    found = any(map(adapter.objection, plain)) or any(findings(adapter, seed=0, runs=INPUTS))
    assert found is expected.get(wrong, True)


@pytest.mark.parametrize(
    "body, members",
    [
        (b'{"a":1,"b":{"c":[2,"3"]}}', {b'"a"': b"1", b'"b"': b'{"c":[2,"3"]}', b'"c"': b'[2,"3"]', b"": b'"3"'}),
        (b'<a x="1"><b>2</b><c/></a>', {b"a": b"<b>2</b><c/>", b"x": b"1", b"b": b"2", b"c": b""}),
        (b"a=1&b=&c=3", {b"a": b"1", b"b": b"", b"c": b"3"}),
        (b'{"half', {}),
    ],
)
def test_members_are_found_in_bytes_of_every_format(body: bytes, members: dict[bytes, bytes]) -> None:
    found = {body[s.name_start : s.name_end]: body[s.value_start : s.value_end] for s in spans_of(body)}
    assert found == members


@pytest.mark.parametrize(
    "body, place, texts",
    [
        (b'{"a":0,"a":"1"}', ("a",), ["0", "1"]),
        (b'{"a":{"b":[0.0,"x"]}}', ("a", "b", ENTRY), ["0", "x"]),
        (b'{"a":1e99999999999999999999,"b":2}', ("b",), ["2"]),
        (b'{"a":null}', ("a",), []),
        ("<a><b>é</b><b/></a>".encode("utf-16"), ("a", "b"), ["é"]),
        (b"a=1", ("a",), ["1"]),
        (b"<p>a web page", ("p",), None),
    ],
)
def test_a_reading_keeps_everything_that_is_said_at_a_place(
    body: bytes, place: tuple[str, ...], texts: list[str] | None
) -> None:
    assert said(HttpResponse(200, {}, body), lambda form: dict(parse_qsl(form.decode()))).get(place) == texts
