"""Reading the configuration's file: whole and checked, or not at all, with every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.secrets import secrets_of
from gateway.settings.checks import Finding, advice, contradictions
from gateway.settings.document import Document
from gateway.settings.messages import masking, missing_key, phrase, unknown_key
from gateway.settings.models import Settings
from gateway.settings.problems import KeyPath, Mark, Problem, SettingsError, dotted, printable
from gateway.settings.section import fields_at
from gateway.settings.values import WRITTEN

START: Final = Mark(1, 1)

SettingsOf = Callable[[str], type[BaseModel]]
"""What an adapter's own `settings` look like, given its name. Raises `LookupError`, whose text says what is wrong."""


class Loaded(NamedTuple):
    """A configuration that can be used; what looks like a mistake in it; and every secret text that it holds."""

    settings: Settings
    advice: tuple[Problem, ...]
    secrets: frozenset[str]


def load(path: Path, environ: Mapping[str, str], settings_of: SettingsOf | None = None) -> Settings:
    """The settings alone; see `read`."""
    return read(path, environ, settings_of).settings


def read(path: Path, environ: Mapping[str, str], settings_of: SettingsOf | None = None) -> Loaded:
    """Reads and checks a configuration. Raises `SettingsError` with everything that is wrong with it.

    Without `settings_of`, what stands under an operator's `adapter` and `settings` is not looked at.
    """
    return parse(_content(path), str(path), environ, settings_of)


def parse(text: str, file: str, environ: Mapping[str, str], settings_of: SettingsOf | None = None) -> Loaded:
    """As `read`, for the text of the file that is called `file` in what is said about it."""
    return _ConfigReading(text, file, environ).loaded(settings_of)


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
    except ValueError:
        text = "cannot be read: it is no UTF-8 text"
    raise SettingsError([Problem(str(path), START, "", text)])


class _ConfigReading:
    """One reading of one file, which collects problems while it goes."""

    def __init__(self, text: str, file: str, environ: Mapping[str, str]) -> None:
        self._file = file
        self._document = Document(text, environ)
        self._problems = [self._problem(mark, place, text) for mark, place, text in self._document.faults]
        self._faulty = {place for _, place, _ in self._document.faults}
        self._masked = masking(self._document.followed)

    def loaded(self, settings_of: SettingsOf | None) -> Loaded:
        settings = self._settings()
        adapter_settings = list(self._adapter_settings(settings_of)) if settings_of is not None else []
        if settings is not None:
            self._problems += map(self._found, contradictions(settings))
        if self._problems or settings is None:
            raise SettingsError(self._problems)
        passwords = (password for journal in settings.every_journal.values() for password in journal.passwords)
        secrets = {*secrets_of(settings), *secrets_of(adapter_settings), *passwords}
        return Loaded(settings, tuple(map(self._found, advice(settings))), frozenset(secrets))

    def _value(self, place: KeyPath) -> Any:
        value = self._document.data
        for part in place:
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
            self._note(error, (), Settings)
            return None

    def _adapter_settings(self, settings_of: SettingsOf) -> Iterator[BaseModel]:
        """Checks what each operator tells its adapter, even where something else is wrong with the operator."""
        operators = self._value(("operators",))
        for name, operator in operators.items() if isinstance(operators, dict) else ():
            place = ("operators", name)
            adapter = operator.get("adapter") if isinstance(operator, dict) else None
            if not isinstance(adapter, str) or (*place, "adapter") in self._faulty:
                continue
            try:
                model = settings_of(adapter)
            except LookupError as error:
                self._problems.append(self._found(Finding((*place, "adapter"), str(error))))
                continue
            try:
                yield model.model_validate(operator.get("settings", {}))
            except ValidationError as error:
                self._note(error, (*place, "settings"), model)

    def _note(self, error: ValidationError, root: KeyPath, model: type[BaseModel]) -> None:
        for details in error.errors(include_url=False):
            if (*root, *details["loc"]) not in self._faulty:
                self._problems.append(self._of_error(details, root, model))

    def _of_error(self, error: ErrorDetails, root: KeyPath, model: type[BaseModel]) -> Problem:
        inner: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
        place = (*root, *inner)
        if error["type"] == "extra_forbidden":
            text = unknown_key(str(inner[-1]), fields_at(model, inner[:-1]))
            return self._problem(self._document.key_mark(place), place, text)
        if error["type"] == "missing":
            field = fields_at(model, inner[:-1]).get(str(inner[-1]))
            return self._problem(self._document.key_mark(place), place, missing_key(field and field.description))
        if "[key]" in error["loc"]:
            return self._problem(self._document.key_mark(place), place, phrase(error, str(inner[-1]), self._masked))
        text = phrase(error, self._document.texts.get(place), self._masked)
        return self._problem(self._document.mark(place), place, text)

    def _found(self, finding: Finding) -> Problem:
        return self._problem(self._document.mark(finding.place), finding.place, self._masked(finding.text))

    def _problem(self, mark: Mark, place: KeyPath, text: str) -> Problem:
        return Problem(self._file, mark, printable(dotted(place)), printable(text))
