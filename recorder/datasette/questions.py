"""Example queries, which are canned queries in Datasette and examples in the README."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A query and the question that it answers."""

    name: str
    title: str
    sql: str


QUESTIONS = (
    Question(
        "busiest_quarters",
        "When was the most activity?",
        """\
SELECT quarter, session, messages, authors
FROM activity ORDER BY messages DESC, quarter LIMIT 10;""",
    ),
    Question(
        "commands_used",
        "Which commands are used, and by how many people?",
        """\
SELECT command, count(*) AS uses, count(DISTINCT author_id) AS people
FROM commands GROUP BY command ORDER BY uses DESC, command;""",
    ),
    Question(
        "answer_times",
        "How long does each AI model take to answer?",
        """\
SELECT answer.model, count(*) AS answers,
    round(avg(julianday(answer.timestamp) - julianday(asked.timestamp)) * 86400, 1) AS seconds
FROM messages answer
JOIN messages asked ON asked.session_id = answer.session_id AND asked.message_id = answer.reply_to
WHERE answer.type = 'bot_response' GROUP BY answer.model ORDER BY seconds;""",
    ),
    Question(
        "changed_afterwards",
        "Which messages were edited or deleted, and how long after they were sent?",
        """\
SELECT session, message_index, author, text, iif(deleted_at IS NULL, 'edited', 'deleted') AS was,
    round((julianday(coalesce(deleted_at, edited_at)) - julianday(timestamp)) * 1440, 1) AS minutes
FROM conversation WHERE edited_at IS NOT NULL OR deleted_at IS NOT NULL ORDER BY minutes;""",
    ),
    Question(
        "around_tags",
        "Which messages precede each tagged moment?",
        """\
SELECT t.tag, c.session, c.message_index, c.author, c.text
FROM tagged_moments t JOIN conversation c ON c.session_id = t.session_id
    AND c.message_index BETWEEN t.message_index - 3 AND t.message_index
ORDER BY t.session_id, t.message_index, t.tag, c.message_index;""",
    ),
)
