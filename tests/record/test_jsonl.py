from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import IDS, JSON, OWN_KEYS, TEXT, TIMES, WILD_TEXT, messages

from recorder.errors import InvalidLine
from recorder.models import Annotation, Deletion, Edit, Message
from recorder.record import jsonl
from recorder.record.json_values import parse_time

QUESTION = Message(
    timestamp=datetime(2025, 11, 8, 15, 45, tzinfo=UTC),
    author="STRYK",
    author_id="123",
    content="!ai How do I implement OAuth2?",
    type="user_message",
)


@given(messages(TEXT))
def test_a_message_comes_back_as_it_was_from_one_line(message: Message) -> None:
    line = jsonl.encode(message)
    decoded = jsonl.decode(line)
    assert decoded == message
    assert jsonl.encode(message) == line
    assert line.splitlines() == [line]
    keys = list(json.loads(line))
    assert keys == [key for key in OWN_KEYS if key in keys] + list(message.extra)
    assert keys[:5] == OWN_KEYS[:5]


@given(messages(WILD_TEXT))
def test_lone_surrogates_are_replaced(message: Message) -> None:
    clean = jsonl.without_surrogates(message)
    line = jsonl.encode(clean)
    line.encode()
    assert jsonl.decode(line) == clean
    assert jsonl.without_surrogates(clean) == clean
    # The same when another program wrote them as escapes.
    assert jsonl.decode(json.dumps(json.loads(jsonl.encode(message)))) == clean


def test_only_lone_surrogates_are_replaced() -> None:
    message = replace(QUESTION, content="\ufeff🎉 \ud83c\udf89 \ud83c! ü")
    assert jsonl.without_surrogates(message).content == "\ufeff🎉 🎉 \ufffd! ü"


@given(st.builds(Annotation, TIMES, TEXT, IDS, TEXT))
def test_an_annotation_comes_back_as_it_was(annotation: Annotation) -> None:
    line = jsonl.encode_change(annotation)
    assert jsonl.decode(line) == annotation
    assert line.splitlines() == [line]


@given(
    st.one_of(
        TEXT, JSON.map(json.dumps), st.dictionaries(st.sampled_from(OWN_KEYS), JSON).map(json.dumps)
    )
)
def test_any_line_is_decoded_or_refused(line: str) -> None:
    try:
        decoded = jsonl.decode(line)
    except InvalidLine as error:
        assert str(error)
    else:
        assert isinstance(decoded, Message | Annotation | Edit | Deletion)


def test_the_bytes_are_fixed() -> None:
    assert jsonl.encode(QUESTION) == (
        '{"timestamp": "2025-11-08T15:45:00+00:00", "author": "STRYK", "author_id": "123", '
        '"content": "!ai How do I implement OAuth2?", "type": "user_message"}'
    )
    full = Message(
        timestamp=datetime(2025, 11, 8, 15, 46, 0, 123000, tzinfo=UTC),
        author="Bot",
        author_id="bot",
        content='```python\n"ü\u2028"\x7f',
        type="bot_response",
        model="claude-3-5-sonnet",
        attachments=("https://cdn.example/a.png",),
        message_id=1304512345678901234,
        channel_id="987",
        parent_id="55",
        extra={"reply_to": "1", "files": [{"name": "a.png", "size": 3}]},
    )
    assert jsonl.encode(full) == (
        '{"timestamp": "2025-11-08T15:46:00.123000+00:00", "author": "Bot", "author_id": "bot", '
        '"content": "```python\\n\\"ü\\u2028\\"\x7f", "type": "bot_response", '
        '"model": "claude-3-5-sonnet", "attachments": ["https://cdn.example/a.png"], '
        '"message_id": "1304512345678901234", "channel_id": "987", "reply_to": "1", '
        '"files": [{"name": "a.png", "size": 3}]}'
    )
    assert jsonl.decode(jsonl.encode(full)) == replace(full, parent_id=None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"timestamp": "2025-11-08T15:45:00", "author": "STRYK", "author_id": "123", '
            '"content": "!ai How do I implement OAuth2?", "type": "user_message"}',
            QUESTION,
        ),
        (
            '{"timestamp": "2025-11-08T15:46:00", "author": "Bot", "author_id": "bot", '
            '"content": "OAuth2 is an authorization framework...", "type": "bot_response", '
            '"model": "claude-3-5-sonnet"}',
            Message(
                datetime(2025, 11, 8, 15, 46, tzinfo=UTC),
                "Bot",
                "bot",
                "OAuth2 is an authorization framework...",
                "bot_response",
                model="claude-3-5-sonnet",
            ),
        ),
    ],
)
def test_lines_with_only_the_specified_keys(line: str, message: Message) -> None:
    assert jsonl.decode(line) == message


def _line(**changes: object) -> str:
    """The line of a question with other values; ``...`` leaves a key out."""
    data = {**json.loads(jsonl.encode(QUESTION)), **changes}
    return json.dumps({key: value for key, value in data.items() if value is not ...})


def test_foreign_lines_may_order_and_write_things_otherwise() -> None:
    data = json.loads(_line(message_id=77, colour="red", model=None, channel_id=None))
    line = json.dumps(dict(reversed(data.items())), indent=1).replace("\n", "\r")
    assert jsonl.decode(line) == replace(QUESTION, message_id=77, extra={"colour": "red"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-08T15:45:00Z", QUESTION.timestamp),
        ("2025-11-08T17:45:00+02:00", QUESTION.timestamp),
        ("2025-11-08 15:45", QUESTION.timestamp),
        ("2025-11-08T15:45:00.5", QUESTION.timestamp + timedelta(seconds=0.5)),
    ],
)
def test_times_become_utc(text: str, expected: datetime) -> None:
    assert jsonl.decode(_line(timestamp=text)) == replace(QUESTION, timestamp=expected)
    assert parse_time(text).tzinfo is UTC


def test_a_time_without_an_offset_does_not_depend_on_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        assert parse_time("2025-11-08T15:45:00") == QUESTION.timestamp
    time.tzset()


def test_a_time_past_the_end_of_the_calendar_is_refused() -> None:
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    with pytest.raises(ValueError, match="out of range"):
        parse_time(last.isoformat())


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "is not JSON (Expecting value, column 1)"),
        ("hello", "is not JSON"),
        (_line()[:-5], "is not JSON (Unterminated string"),
        (_line() + "}", "is not JSON (Extra data"),
        ('{"a": "line\nbreak"}', "is not JSON (Invalid control character"),
        (_line(x=float("nan")), "NaN is no number"),
        (_line(x=[{"y": float("-inf")}]), "-Infinity is no number"),
        (_line(x=1).replace(" 1}", " 1e999}"), "1e999 is too large"),
        (_line(x=1).replace(" 1}", f" {'9' * 5000}}}"), "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (_line(x=json.loads("[" * 100 + "]" * 100)), "is nested deeper than 100 levels"),
        ("[]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('"text"', "is not a JSON object"),
        (_line(timestamp=...), 'no text under "timestamp"'),
        (_line(timestamp=1731080700), 'no text under "timestamp"'),
        (_line(timestamp="yesterday"), "not an ISO 8601 time: 'yesterday'"),
        (_line(timestamp="2025-13-08T15:45:00"), "not an ISO 8601 time"),
        (_line(timestamp="0001-01-01T00:00:00+10:00"), "not an ISO 8601 time"),
        (_line(author=...), 'no text under "author"'),
        (_line(author=None), 'no text under "author"'),
        (_line(author_id=123), 'no text under "author_id"'),
        (_line(content=...), 'no text under "content"'),
        (_line(content=["a"]), 'no text under "content"'),
        (_line(type=...), 'no "type" out of user_message, bot_response, system_message'),
        (_line(type="note"), 'no "type" out of'),
        (_line(type=["user_message"]), 'no "type" out of'),
        (_line(model=3), 'no text under "model"'),
        (_line(attachments="https://cdn.example/a.png"), '"attachments" is not a list'),
        (_line(attachments=[{"url": "x"}]), '"attachments" is not a list'),
        (_line(channel_id=987), 'no text under "channel_id"'),
        (_line(message_id="abc"), "not a Discord id: 'abc'"),
        (_line(message_id="1_000"), "not a Discord id"),
        (_line(message_id=" 12"), "not a Discord id"),
        (_line(message_id="١٢"), "not a Discord id"),
        (_line(message_id=-1), "not a Discord id"),
        (_line(message_id=2**63), "not a Discord id"),
        (_line(message_id=1.0), "not a Discord id"),
        (_line(message_id=True), "not a Discord id"),
        (_line(message_id=["1"]), "not a Discord id"),
        (_line(type="model", channel_id="1", model="m"), 'no "message_id"'),
        (_line(type="model", channel_id="1", message_id="5"), 'no text under "model"'),
        (_line(type="model", message_id="5", model="m"), 'no text under "channel_id"'),
    ],
)
def test_bad_lines_are_refused(line: str, fault: str) -> None:
    with pytest.raises(InvalidLine) as caught:
        jsonl.decode(line)
    assert fault in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_deepest_line_can_be_written_again() -> None:
    extra = json.loads("[" * 99 + "]" * 99)
    decoded = jsonl.decode(_line(x=extra))
    assert isinstance(decoded, Message)
    assert json.loads(jsonl.encode(decoded))["x"] == extra


def test_brackets_in_texts_are_not_taken_for_nesting() -> None:
    content = "[{" * 500
    assert jsonl.decode(_line(content=content)) == replace(QUESTION, content=content)


def test_annotations_of_others_are_cleaned_too() -> None:
    line = _line(type="model", channel_id="1", message_id="5", model="\ud800!")
    assert jsonl.decode(line) == Annotation(QUESTION.timestamp, "1", 5, "\ufffd!")
