"""The states of recently changed messages, so that a further change costs the same as the first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from recorder.record.changes import Current, current
from recorder.store.database import Connection
from recorder.store.message_rows import changes_of, message_in

_REMEMBERED = 1_000


@dataclass(slots=True)
class MessageState:
    """The state of a message, and its row."""

    row_id: int
    message_index: int
    current: Current


class MessageStates:
    """A cache of the thousand messages that changed last."""

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[str, int], MessageState] = OrderedDict()

    def clear(self) -> None:
        """Forget all states, since the database was changed otherwise."""
        self._states.clear()

    def get(self, connection: Connection, session_id: str, message_id: int) -> MessageState | None:
        """Return the state of a message, ``None`` when the session does not hold it.

        The caller updates it with each change.
        """
        key = (session_id, message_id)
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
            return state
        row = connection.execute(
            "SELECT l.line, m.id, m.message_index FROM messages m JOIN lines l ON l.id = m.id "
            "WHERE m.session_id = ? AND m.message_id = ?",
            key,
        ).fetchone()
        if row is None:
            return None
        line, row_id, message_index = row
        changes = changes_of(connection, session_id, message_id)
        state = MessageState(row_id, message_index, current(message_in(line), changes))
        self._states[key] = state
        if len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)
        return state
