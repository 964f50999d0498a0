"""Plugins, found by entry point: a broken one affects nothing but itself. Each kind has its registry, made of this."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from typing import Any

import msgspec


class PluginUnavailable(LookupError):
    """No plugin of that name can be used; the text says why, and which there are."""


class PluginKind(msgspec.Struct, frozen=True, kw_only=True):
    """What plugins of one kind have in common.

    `word` is what people call one ("adapter"). A plugin derives from `base`, its `Settings` from `settings`, and its
    `interface` is `version`; `package` is where its author imports these from. `unavailable` is the error of this
    kind. `further` says what else is wrong with a plugin, None if nothing is.
    """

    word: str
    base: type
    settings: type
    package: str
    version: int
    unavailable: type[PluginUnavailable]
    further: Callable[[Any], str | None] = lambda _: None

    def load(self, name: str, found: Iterable[EntryPoint]) -> Any:
        """The plugin's class, a concrete one of `base`, from among these entry points. Raises `unavailable`."""
        # By value: an editable install is listed twice.
        entries = {entry.value: entry for entry in found if entry.name == name}
        if not entries:
            known = ", ".join(names_of(found)) or "none"
            raise self.unavailable(f"there is no {self.word} {name!r}; installed are: {known}")
        if len(entries) > 1:
            raise self.unavailable(f"several plugins call themselves {name!r}: {', '.join(sorted(entries))}")
        (entry,) = entries.values()
        return self._require(name, entry.value, self._loaded(entry))

    def _loaded(self, entry: EntryPoint) -> Any:
        try:
            return entry.load()
        except Exception as error:
            text = f"{self.word} {entry.name!r} ({entry.value}) does not load: {error!r}"
            raise self.unavailable(text) from error

    def _require(self, name: str, place: str, found: Any) -> Any:
        wrong = self._what_is_wrong(found)
        if wrong:
            raise self.unavailable(f"{self.word} {name!r} ({place}) {wrong}")
        return found

    def _what_is_wrong(self, found: Any) -> str | None:
        base = self.base.__name__
        if not isinstance(found, type) or not issubclass(found, self.base):
            article = "an" if base[0] in "AEIOU" else "a"
            return f"is not {article} {base}; derive it from {self.package}.{base}"
        missing: frozenset[str] = getattr(found, "__abstractmethods__", frozenset())
        if missing:
            return f"lacks {', '.join(sorted(missing))}"
        return self._what_is_wrong_with_version(found) or self._what_is_wrong_with_settings(found)

    def _what_is_wrong_with_version(self, found: Any) -> str | None:
        written_for = getattr(found, "interface", None)
        if written_for is None:
            return f"does not say which interface it was written for; declare `interface = {self.version}`"
        if written_for != self.version:
            return (
                f"was written for version {written_for} of the interface, and this gateway has {self.version}; "
                f"install the release of the {self.word} that is made for it"
            )
        return None

    def _what_is_wrong_with_settings(self, found: Any) -> str | None:
        settings = found.Settings
        if not isinstance(settings, type) or not issubclass(settings, self.settings):
            return f"has Settings that do not derive from {self.package}.{self.settings.__name__}"
        return self.further(found)


def names_of(found: Iterable[EntryPoint]) -> list[str]:
    """The names under which these plugins are installed, broken ones included."""
    return sorted({entry.name for entry in found})
