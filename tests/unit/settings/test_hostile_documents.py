"""A configuration may be small and mean much: what it stands for is counted, and refused with its line."""

from __future__ import annotations

import resource

import pytest

from gateway.settings import SettingsError
from gateway.settings.document import LONGEST_KEY, LONGEST_NUMBER, MAX_DEPTH, MAX_NODES, Document
from gateway.settings.files import MAX_FILE
from gateway.settings.loader import MAX_PROBLEMS, parse

TOO_LARGE = "is too large or too deeply nested, or an alias contains itself"


def aliases(first: str, form: str, count: int = 9) -> str:
    """Lines of which each holds the one before it nine times."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {form.format(', '.join([f'*a{n - 1}'] * 9))}" for n in range(1, count)]
    return "\n".join(lines)


CHAIN = "a0: &a0 {}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 3000))
MANY = 100_000


@pytest.mark.parametrize(
    "text, line",
    [
        pytest.param(aliases("{x: 1}", "{{<<: [{}]}}"), 6, id="merges of a key"),
        pytest.param(aliases("{}", "{{<<: [{}]}}"), 7, id="merges of nothing"),
        pytest.param(aliases("[]", "[{}]"), 7, id="lists of lists"),
        pytest.param(aliases("{x: 1}", "{{y: [{}]}}"), 6, id="mappings with lists"),
        pytest.param(CHAIN, 42, id="chain"),
        pytest.param("a: 1\nb: " + "[" * 100_000, 2, id="brackets"),
        pytest.param("a: 1\nb:\n  " + "- " * 100_000, 3, id="dashes"),
        pytest.param("a: 1\nb: " + "{a: " * 100_000, 2, id="braces"),
        pytest.param("".join(" " * n + "a:\n" for n in range(500)), MAX_DEPTH, id="indented"),
        pytest.param("a:\n" + "- 1\n" * MAX_NODES, MAX_NODES - 1, id="a long list"),
        pytest.param("a:\n" + "- &b [*b]\n", 1, id="an alias of itself"),
    ],
)
def test_what_means_too_much_is_refused_with_its_line(text: str, line: int) -> None:
    document = Document(text, {})
    assert [(mark, what) for mark, _, what in document.faults] == [((line, 1), TOO_LARGE)]
    assert len(document.marks) <= MAX_NODES
    assert document.data is None


@pytest.mark.parametrize(
    "number", ["1" + ":1" * MANY, "1" + ":1" * MANY + ".5", "0x" + "f" * MANY, "9" * MANY, "0" + "7" * MANY]
)
def test_a_number_without_end_is_refused(number: str) -> None:
    (fault,) = Document(f"a:\n  b: {number}", {}).faults
    assert fault == ((2, 6), ("a", "b"), f"is a number of more than {LONGEST_NUMBER} characters")


def test_a_key_without_end_is_refused_and_not_repeated() -> None:
    (fault,) = Document(f"a:\n  ? {'x' * 100_000}\n  : 1", {}).faults
    assert fault == ((2, 5), ("a",), f"a key has more than {LONGEST_KEY} characters; shorten it")


def test_what_references_put_in_is_counted_over_all_of_them() -> None:
    environ = {"LONG": "x" * (MAX_FILE // 2)}
    (fault,) = Document("a:\n- ${LONG}${LONG}${LONG}", environ).faults
    assert fault == ((2, 3), ("a", 0), "the values that are put in here are longer than 1 MiB together; shorten them")
    (fault,) = Document("a:\n" + "- ${LONG}\n" * 17, environ).faults
    assert fault == ((18, 1), (), TOO_LARGE)
    assert Document("a:\n" + "- ${LONG}\n" * 16, environ).faults == []


def test_of_many_problems_some_are_told() -> None:
    text = "operators:\n" + "".join(f"  a{n}: 1\n" for n in range(1000))
    with pytest.raises(SettingsError) as caught:
        parse(text, "f", {})
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert str(caught.value.problems[0]) == f"f:1:1: has more than {MAX_PROBLEMS} problems"


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n---\n" * 10_000,
        "a: \0",
        "\ud800",
        "a: !!python/object/apply:os.system [x]",
        'a: !!binary "@"',
        "a: !!timestamp x",
        "a: !!int x",
        "a: !!set {b, c}",
        "? [a, b]\n: 1",
        "<<: 1",
        "<<: [1, [2]]",
        "%TAG !a! x\n--- !a!b c",
        "x: .inf\ny: .nan\nz: 1e999",
    ],
)
def test_whatever_yaml_may_be_it_is_refused_with_problems_and_nothing_else(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text, "f", {})
    assert caught.value.problems


@pytest.mark.parametrize(
    "value", [".inf", "-.inf", ".nan", "1e999", "!!float nan", "-1", "!!binary aGk=", "!!null ''", "[]"]
)
@pytest.mark.parametrize("key", ["port", "request_timeout", "max_body", "max_connections"])
def test_no_number_is_taken_that_is_none(key: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(f"server:\n  {key}: {value}\n", "f", {})
    assert any(problem.mark.line == 2 and problem.field == f"server.{key}" for problem in caught.value.problems)


def test_nothing_of_this_takes_memory_without_bound() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Document("a: [" + "1," * (MAX_FILE // 2), {})
    Document(aliases("{x: 1}", "{{<<: [{}]}}", 30), {})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # kilobytes
