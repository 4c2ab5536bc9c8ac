"""The people in the recordings: their ids and names, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recorder.errors import InvalidInput, NotFound
from recorder.formatting import collapse_whitespace, plural
from recorder.record.names import name_key
from recorder.record.redaction import ANONYMOUS_ID
from recorder.store.database import Connection
from recorder.store.reading import Reader

# Each row has the id of a user, a name or NULL, one of the counts of a person, and its number.
_AUTHORS = """
SELECT m.author_id, m.author, 'messages', count(*) FROM messages m JOIN lines l ON l.id = m.id
WHERE json_extract(l.line, '$.erased_at') IS NULL AND json_extract(l.line, '$.opted_out') IS NULL
GROUP BY 1, 2 ORDER BY max(m.id) DESC
"""
_DISPLAY_NAMES = """
SELECT m.author_id, json_extract(l.line, '$.display_name'), NULL, 0
FROM messages m JOIN lines l ON l.id = m.id
WHERE instr(l.line, '"display_name": ') GROUP BY 1, 2 ORDER BY max(m.id) DESC
"""
_COMMANDS = """
SELECT json_extract(interaction, '$.user_id'), json_extract(interaction, '$.user'), 'commands',
    count(*)
FROM messages WHERE interaction IS NOT NULL GROUP BY 1, 2
"""
_REACTIONS = """
SELECT json_extract(line, '$.user_id'), NULL, 'reactions', count(*) FROM lines
WHERE about IS NOT NULL AND json_extract(line, '$.type') = 'reaction' GROUP BY 1
"""
_MENTIONS = """
SELECT rtrim(ltrim(mention.key, '<@!'), '>'), ltrim(mention.value, '@'), 'mentions', count(*)
FROM lines l JOIN json_each(l.line, '$.mentions') mention
WHERE instr(l.line, '"mentions": {') AND mention.key GLOB '<@[!0-9]*' GROUP BY 1, 2
"""
_STARTED = "SELECT user_id, NULL, 'started', count(*) FROM recording_sessions GROUP BY 1"
_AUTO = "SELECT user_id, NULL, 'started', count(*) FROM auto_recording GROUP BY 1"

_COUNTS = ("messages", "commands", "reactions", "mentions", "started")


@dataclass(slots=True)
class Person:
    """A person in the recordings.

    Parameters
    ----------
    names
        User names, then display names; of each kind the newest first.
    messages
        The number of their messages.
    commands
        The number of answers of bots to their slash commands.
    reactions
        The number of their reactions.
    mentions
        The number of lines of others that mention them by name.
    started
        The number of sessions that they started, and of auto-recordings.
    """

    id: str
    names: list[str] = field(default_factory=list)
    messages: int = 0
    commands: int = 0
    reactions: int = 0
    mentions: int = 0
    started: int = 0

    def __str__(self) -> str:
        """Return the names and the id."""
        name, *others = self.names or ["unknown"]
        also = f" (also {', '.join(others)})" if others else ""
        return collapse_whitespace(f"{name}{also}, id {self.id}")


def people(reader: Reader) -> list[Person]:
    """Return everyone in the recordings, by their number of messages in descending order."""
    with reader.connect() as connection:
        connection.execute("BEGIN")  # one snapshot for all queries
        found = _people(connection)
    return sorted(found.values(), key=lambda person: (-person.messages, person.names, person.id))


def names_of(connection: Connection, user_id: str) -> list[str]:
    """Return all known names of a user."""
    person = _people(connection).get(user_id)
    return person.names if person else []


def find(reader: Reader, text: str) -> Person:
    """Return the person with an id, or with a user or display name, whatever its case.

    A Discord id that the recordings do not contain is returned too: exports of deleted sessions
    may be of this user.

    Raises
    ------
    NotFound
        Nobody has this id or name.
    InvalidInput
        Several people have the name; the text lists their ids.
    """
    everyone, key = people(reader), name_key(text)
    matches = [p for p in everyone if p.id == text or key in map(name_key, p.names)]
    if not matches and text.isascii() and text.isdigit() and int(text) > 0:
        return Person(text)
    if not matches:
        raise NotFound(f'Nobody in the recordings is called "{text}". See `recorder people`.')
    if len(matches) > 1:
        candidates = "\n".join(f"  {p} ({plural(p.messages, 'message')})" for p in matches)
        raise InvalidInput(
            f'"{text}" may be one of {len(matches)} people. Say which by the id:\n{candidates}'
        )
    return matches[0]


def _people(connection: Connection) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for user_id, name, what, count in _rows(connection):
        if user_id in (None, "", ANONYMOUS_ID) and what != "messages":
            continue
        person = people.setdefault(str(user_id), Person(str(user_id)))
        if isinstance(name, str) and name not in person.names:
            person.names.append(name)
        if what in _COUNTS:
            setattr(person, what, getattr(person, what) + count)
    return people


def _rows(connection: Connection) -> Iterator[tuple[object, object, str | None, int]]:
    for sql in (_AUTHORS, _DISPLAY_NAMES, _COMMANDS, _REACTIONS, _MENTIONS, _STARTED, _AUTO):
        yield from connection.execute(sql)
