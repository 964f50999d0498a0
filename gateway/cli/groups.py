"""Groups of commands whose options may stand before the subcommand as well as after it."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class OptionsAnywhere(TyperGroup):
    """`transfers --config FILE show ID` is `transfers show --config FILE ID`: whatever stands before the subcommand is
    the subcommand's, which refuses what it does not know."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = self._subcommand_at(args)
        return super().parse_args(ctx, args if at is None else [args[at], *args[:at], *args[at + 1 :]])

    def _subcommand_at(self, args: list[str]) -> int | None:
        """Where the subcommand stands: it is the first word that is neither an option nor an option's value."""
        with_value = self._options_with_value()
        skip = False
        for at, word in enumerate(args):
            if skip:
                skip = False
            elif word in with_value:
                skip = True
            elif not word.startswith("-"):
                return at if word in self.commands else None
        return None

    def _options_with_value(self) -> set[str]:
        params = [param for command in (self, *self.commands.values()) for param in command.params]
        return {name for param in params if not getattr(param, "is_flag", False) for name in param.opts}
