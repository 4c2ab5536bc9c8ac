"""Parsing of queries, dates and time spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recorder.search.dates import parse_period, parse_span
from recorder.search.query import AnyOf, Filter, Not, Part, Query, Term, parse

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 11, 12, 12, 0, tzinfo=UTC)  # a Wednesday


def short(part: Part) -> str:
    match part:
        case Term():
            star, sign = "*" * part.prefix, f" ={part.literal}" if part.literal else ""
            return "<" + " ".join((part.words + star, *part.runs)).strip() + sign + ">"
        case Filter():
            return f"{part.name}={part.value}"
        case Not():
            return f"not {short(part.part)}"
        case AnyOf():
            return "[" + " or ".join(map(short, part.parts)) + "]"


def read(text: str) -> str:
    return " ".join(map(short, parse(text, NOW, BERLIN).parts))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", ""),
        (" \n\0 ", ""),
        ("a b", "<a> <b>"),
        ('"a b" c', "<a b> <c>"),
        ('"a b', "<a b>"),
        ("tok*", "<tok**>"),
        ("-a", "not <a>"),
        ('-"a b"', "not <a b>"),
        ("--a", "<--a>"),
        ("a OR b c", "[<a> or <b>] <c>"),
        ("a OR b OR -c", "[<a> or <b> or not <c>]"),
        ("OR a", "<OR> <a>"),
        ("a OR", "<a> <OR>"),
        ("a OR OR b", "<a> [<OR> or <b>]"),
        ("a AND b", "<a> <b>"),
        ("AND a", "<AND> <a>"),
        ("a or b", "<a> <or> <b>"),
        ("NOT a", "<NOT> <a>"),
        ("C++", "<C++ =C++>"),
        ("(C++)", "<(C++) =(C++)>"),
        ("🎉", "< =🎉>"),
        ("刷新", "<刷新>"),
        ("a刷新b", "<刷新 =a刷新b>"),
        ("from:bob", "from=bob"),
        ("FROM:bob", "from=bob"),
        ('from:"Bob B" -in:x', "from=Bob B not in=x"),
        ("from:", "<from:>"),
        ("from: bob", "<from:> <bob>"),
        ("to:bob", "<to:bob>"),
        ("has:links", "has=link"),
        ("has:cheese", "<has:cheese>"),
        ("-has:cheese", "not <has:cheese>"),
        ("type:system", "type=system_message"),
        ("before:lunch", "<before:lunch>"),
        ('before:"my lunch"', "<before: my lunch>"),
        ("during:yesterday", "during=yesterday"),
    ],
)
def test_a_search_is_read(text: str, tree: str) -> None:
    assert read(text) == tree


def test_what_is_written_is_kept_for_hints() -> None:
    query = parse("-from:bob a OR b", NOW, BERLIN)
    assert [part.text for part in query.parts] == ["-from:bob", "a OR b"]
    assert query == Query("-from:bob a OR b", query.parts)
    assert [term.text for term in query.terms()] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2025-11-08", "2025-11-07T23:00", "2025-11-08T23:00"),
        ("2025/11/8", "2025-11-07T23:00", "2025-11-08T23:00"),
        ("2025-03-30", "2025-03-29T23:00", "2025-03-30T22:00"),  # the clock is put forward
        ("2025-11", "2025-10-31T23:00", "2025-11-30T23:00"),
        ("2025", "2024-12-31T23:00", "2025-12-31T23:00"),
        ("2025-11-08T15:45", "2025-11-08T14:45", "2025-11-08T14:45"),
        ("2025-11-08 15:45", "2025-11-08T14:45", "2025-11-08T14:45"),
        ("2025-11-08T15:45Z", "2025-11-08T15:45", "2025-11-08T15:45"),
        ("today", "2025-11-11T23:00", "2025-11-12T23:00"),
        ("Yesterday", "2025-11-10T23:00", "2025-11-11T23:00"),
        ("wednesday", "2025-11-11T23:00", "2025-11-12T23:00"),
        ("last wednesday", "2025-11-04T23:00", "2025-11-05T23:00"),
        ("thursday", "2025-11-05T23:00", "2025-11-06T23:00"),
        ("this week", "2025-11-09T23:00", "2025-11-16T23:00"),
        ("last  week", "2025-11-02T23:00", "2025-11-09T23:00"),
        ("last month", "2025-09-30T22:00", "2025-10-31T23:00"),
        ("last year", "2023-12-31T23:00", "2024-12-31T23:00"),
        ("2h", "2025-11-12T10:00", "2025-11-12T10:00"),
        ("3d", "2025-11-09T12:00", "2025-11-09T12:00"),
        ("30 minutes ago", "2025-11-12T11:30", "2025-11-12T11:30"),
        ("175928847299117063", "2016-04-30T11:18", "2016-04-30T11:18"),
    ],
)
def test_a_date_is_read(text: str, start: str, end: str) -> None:
    period = parse_period(text, NOW, BERLIN)
    assert period is not None
    assert period.start.isoformat().startswith(start) and period.end.isoformat().startswith(end)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "lunch", "12", "2025-13", "2025-02-30", "9999-12-31", "0000", "last today"),
        *("2025-11-08T25:00", "1" * 30, "٢٠٢٥"),
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    assert parse_period(text, NOW, BERLIN) is None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90m", timedelta(minutes=90)),
        (" 2 Hours ", timedelta(hours=2)),
        ("1d 12h", timedelta(hours=36)),
        ("1w2days30 mins", timedelta(days=9, minutes=30)),
        ("45 sec", timedelta(seconds=45)),
        ("99999w 99999w", timedelta(weeks=199_998)),
        *((text, None) for text in ("", "2", "h", "2 lunches", "1d ago", "-1d", "1d,2h")),
        ("123456h", None),
        ("٢h", None),
    ],
)
def test_a_span_is_read(text: str, span: timedelta | None) -> None:
    assert parse_span(text) == span
