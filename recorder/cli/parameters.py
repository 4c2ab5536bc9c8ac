"""Types of parameters, and the options that several commands share."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem

from recorder.cli.environment import settings_from
from recorder.errors import RecorderError
from recorder.record.names import name_key
from recorder.settings import Settings
from recorder.store.reading import Reader

# Characters without a meaning in any shell; a completion with others could run a command.
_SAFE_IN_SHELLS = frozenset("-_.,+@%=")
_DATE_LENGTH = len("2025-11-08")

POSITIVE = click.IntRange(1, 2**31 - 1)


class Finite(click.FloatRange):
    """A number in a range; ``nan`` is refused."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class Moment(click.ParamType[datetime]):
    """A date or a time in the time zone of the settings; a date stands for its end."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time with its time zone."""
        settings = ctx.find_object(Settings) if ctx else None
        timezone = settings.timezone if settings else UTC
        try:
            moment = datetime.fromisoformat(value)
            if len(value) == _DATE_LENGTH:
                moment += timedelta(days=1)
            return moment.replace(tzinfo=timezone) if moment.tzinfo is None else moment
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time. Write 2025-11-08 or 2025-11-08T15:45.", param, ctx)


class SessionName(click.ParamType[str]):
    """The name or id of a session, completed from the database."""

    name = "name"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin with `incomplete`, or ids where a name does not do.

        A name that several servers use is ambiguous. Spaces and shell characters in a name would
        be split or run by the shell, and any member of a channel may have chosen the name.
        """
        try:
            settings = settings_from(ctx.find_root().params.get("data"))
            sessions = Reader(settings.data).sessions()
        except RecorderError:
            return []
        uses = Counter(name_key(session.name) for session in sessions)
        return [
            CompletionItem(session.name)
            if uses[name_key(session.name)] == 1 and _is_safe(session.name)
            else CompletionItem(session.id, help=session.name)
            for session in sessions
            if name_key(session.name).startswith(name_key(incomplete))
            or session.id.startswith(incomplete)
        ]


def _is_safe(name: str) -> bool:
    return name[0].isalnum() and all(c.isalnum() or c in _SAFE_IN_SHELLS for c in name)


pass_settings = click.make_pass_decorator(Settings)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
as_of_option = click.option(
    "--as-of",
    type=Moment(),
    help="Show messages as they were at that time, such as 2025-11-08T15:45.",
)
