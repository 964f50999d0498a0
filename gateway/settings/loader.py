"""Reads the configuration file: the result is complete and checked, or an error that names every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.secrets import empty_secrets, secrets_of
from gateway.settings.checks import advice, contradictions
from gateway.settings.document import Document
from gateway.settings.files import as_text, read_given_file
from gateway.settings.interpolation import refers
from gateway.settings.messages import masking, missing_key, phrase, unknown_key
from gateway.settings.models import Settings
from gateway.settings.payments import PaymentSettings
from gateway.settings.problems import Finding, KeyPath, Mark, Problem, SettingsError, dotted, printable
from gateway.settings.section import fields_at
from gateway.settings.values import WRITTEN

START: Final = Mark(1, 1)

MAX_PROBLEMS: Final = 200
"""How many are told: a name that is near to each unknown key has to be looked for."""

MayLack = Callable[[KeyPath], bool]
"""Whether a secret under this key path need not be there."""

SettingsOf = Callable[[str], type[BaseModel]]
"""Returns the model of a plugin's own `settings`, by the plugin's name. Raises `LookupError` with what is wrong."""

_DEFAULT_FORMAT: Final[str] = PaymentSettings.model_fields["format"].default


class Loaded(NamedTuple):
    """A configuration that can be used, what looks like a mistake in it, and every secret text in it."""

    settings: Settings
    advice: tuple[Problem, ...]
    secrets: frozenset[str]


def needs_all(_: KeyPath) -> bool:
    """For `may_lack` of whoever needs every secret."""
    return False


def read(
    path: Path,
    environ: Mapping[str, str],
    settings_of: SettingsOf | None = None,
    may_lack: MayLack = needs_all,
    payment_settings_of: SettingsOf | None = None,
) -> Loaded:
    """Reads and checks a configuration file. Raises `SettingsError` with every problem.

    Without `settings_of`, an operator's `adapter` and `settings` are not checked, and without `payment_settings_of` the
    same of its `payment`. Where `may_lack(key_path)`, a secret
    that cannot be read is accepted: its value is then a random text.
    """
    return parse(file_text(path), str(path), environ, settings_of, may_lack, payment_settings_of)


def parse(
    text: str,
    file: str,
    environ: Mapping[str, str],
    settings_of: SettingsOf | None = None,
    may_lack: MayLack = needs_all,
    payment_settings_of: SettingsOf | None = None,
) -> Loaded:
    """As `read`, from a text. Problems name it `file`."""
    return _ConfigReading(text, file, environ, may_lack).load(settings_of, payment_settings_of)


def file_text(path: Path) -> str:
    """The text of a configuration file. Raises `SettingsError`."""
    try:
        return as_text(read_given_file(path))
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
    except ValueError:
        text = "cannot be read: it is not UTF-8 text"
    raise SettingsError([Problem(str(path), START, "", text)])


class _ConfigReading:
    """Reads one file, and collects its problems on the way."""

    def __init__(self, text: str, file: str, environ: Mapping[str, str], may_lack: MayLack) -> None:
        self._file = file
        self._document = Document(text, environ, may_lack)
        self._problems = [self._problem(mark, key_path, text) for mark, key_path, text in self._document.faults]
        self._empty_secrets: list[Finding] = []
        self._faulty_paths = {key_path for _, key_path, _ in self._document.faults}
        self._mask = masking(self._document.references)

    def load(self, settings_of: SettingsOf | None, payment_settings_of: SettingsOf | None) -> Loaded:
        settings = self._settings()
        plugin_settings = list(self._adapter_settings(settings_of)) if settings_of is not None else []
        if payment_settings_of is not None:
            plugin_settings += self._payment_settings(payment_settings_of)
        if settings is not None:
            found = self._of_what_was_read(self._of_what_is_there(contradictions(settings)))
            self._problems += map(self._problem_of, found)
        if self._problems or settings is None:
            raise SettingsError(self._problems)
        # A password inside a URL is a plain text to pydantic, and must be redacted like any other secret.
        passwords = (password for journal in settings.every_journal.values() for password in journal.passwords)
        secrets = {*secrets_of(settings), *secrets_of(plugin_settings), *passwords}
        odd = (*starmap(Finding, self._document.oddities), *self._empty_secrets)
        told = (*odd, *self._of_what_is_there(advice(settings)))
        return Loaded(settings, tuple(map(self._problem_of, told)), frozenset(secrets))

    def _of_what_is_there(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        return (one for one in findings if one.key_path not in self._document.lacking)

    def _of_what_was_read(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        # A value that could not be read looks as if it were not given, also in what is said of the section around it.
        unread = {around for key_path in self._faulty_paths for around in (key_path, key_path[:-1])}
        return (one for one in findings if one.key_path not in unread)

    def _value(self, key_path: KeyPath) -> Any:
        value = self._document.data
        for part in key_path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _settings(self) -> Settings | None:
        if self._document.data is None and self._problems:
            return None
        try:
            return Settings.model_validate(self._document.data, context=WRITTEN)
        except ValidationError as error:
            self._add_problems(error, (), Settings)
            return None

    def _adapter_settings(self, settings_of: SettingsOf) -> Iterator[BaseModel]:
        """Checks each operator's `settings` by its adapter's model, even where other keys of the operator are wrong."""
        for key_path, operator in self._sections_of_operators():
            yield from self._plugin_settings(key_path, operator, ("adapter", operator.get("adapter")), settings_of)

    def _payment_settings(self, settings_of: SettingsOf) -> Iterator[BaseModel]:
        """The same for `payment.settings`, by the model of the payment format."""
        for key_path, operator in self._sections_of_operators():
            payment = operator.get("payment")
            if isinstance(payment, dict):
                plugin = ("format", payment.get("format", _DEFAULT_FORMAT))
                yield from self._plugin_settings((*key_path, "payment"), payment, plugin, settings_of)

    def _sections_of_operators(self) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        operators = self._value(("operators",))
        for name, operator in operators.items() if isinstance(operators, dict) else ():
            if isinstance(operator, dict):
                yield ("operators", name), operator

    def _plugin_settings(
        self, key_path: KeyPath, section: dict[str, Any], plugin: tuple[str, Any], settings_of: SettingsOf
    ) -> Iterator[BaseModel]:
        """The `settings` of a section, read by the model of the plugin that it names under a key (`plugin`)."""
        key, name = plugin
        if not isinstance(name, str) or (*key_path, key) in self._faulty_paths:
            return
        try:
            model = settings_of(name)
        except LookupError as error:
            self._problems.append(self._problem_of(Finding((*key_path, key), str(error))))
            return
        try:
            settings = model.model_validate(section.get("settings", {}), context=WRITTEN)
        except ValidationError as error:
            self._add_problems(error, (*key_path, "settings"), model)
            return
        self._empty_secrets += self._emptied((*key_path, "settings"), settings)
        yield settings

    def _emptied(self, key_path: KeyPath, settings: BaseModel) -> Iterator[Finding]:
        """Secrets of a plugin's settings that are empty because a file or a variable is; one that is written as an
        empty text is meant so."""
        for place in empty_secrets(settings, key_path):
            if refers(written := self._document.texts.get(place, "")):
                yield Finding(place, f"is a secret, and the value of {written} is empty; put the secret there")

    def _add_problems(self, error: ValidationError, root: KeyPath, model: type[BaseModel]) -> None:
        for details in error.errors(include_url=False):
            if len(self._problems) >= MAX_PROBLEMS:
                self._problems.append(Problem(self._file, START, "", f"has more than {MAX_PROBLEMS} problems"))
                return
            # A value that YAML or a reference already failed on is missing here; one problem for it is enough.
            if (*root, *details["loc"]) not in self._faulty_paths:
                self._problems.append(self._validation_problem(details, root, model))

    def _validation_problem(self, error: ErrorDetails, root: KeyPath, model: type[BaseModel]) -> Problem:
        inner: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
        key_path = (*root, *inner)
        if key_path in self._document.lacking:  # what stands in its place is not what is wanted there
            return self._problem(self._document.mark(key_path), key_path, self._document.lacking[key_path])
        if error["type"] == "extra_forbidden":
            text = unknown_key(str(inner[-1]), fields_at(model, inner[:-1]))
            return self._problem(self._document.key_mark(key_path), key_path, text)
        if error["type"] == "missing":
            field = fields_at(model, inner[:-1]).get(str(inner[-1]))
            return self._problem(self._document.key_mark(key_path), key_path, missing_key(field and field.description))
        if "[key]" in error["loc"]:
            return self._problem(self._document.key_mark(key_path), key_path, phrase(error, str(inner[-1]), self._mask))
        text = phrase(error, self._document.texts.get(key_path), self._mask)
        return self._problem(self._document.mark(key_path), key_path, text)

    def _problem_of(self, finding: Finding) -> Problem:
        return self._problem(self._document.mark(finding.key_path), finding.key_path, self._mask(finding.text))

    def _problem(self, mark: Mark, key_path: KeyPath, text: str) -> Problem:
        return Problem(self._file, mark, printable(dotted(key_path)), printable(text))
