"""``recorder sql`` answers whatever only reads, and nothing else gets through."""

import asyncio
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import call, state
from support.recordings import record

from recorder import SessionRecorder
from recorder.store import read_only_sql

ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
LARGE = "printf('%.1000000c', 'a') || random()"
HOG = f"WITH RECURSIVE c (x) AS (SELECT {LARGE} UNION ALL SELECT {LARGE} FROM c) SELECT "


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "data"
    asyncio.run(record(folder, "oauth", ["!ai first words", "second words", "=1+1"]))
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a file would appear if one were written without a folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT author, count(*) FROM messages GROUP BY author", [["STRYK", 3]]),
        ("select 1;", [[1]]),
        ("/* first */ SELECT 1 -- last", [[1]]),
        ("SELECT 1; -- ; SELECT 2", [[1]]),
        ("VALUES (1), (2)", [[1], [2]]),
        ("SELECT NULL, 1.5, 'ä刷🙂', x'00ff'", [[None, 1.5, "ä刷🙂", "00ff"]]),
        ("SELECT 9e999, -9e999", [["inf", "-inf"]]),
        ("SELECT CAST(x'61ff' AS TEXT)", [["a\ufffd"]]),
        ("SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'second'", [[3]]),
        ("SELECT snippet(messages_fts, 0, '<', '>', '', 5) FROM messages_fts('first')", None),
        ("SELECT bm25(messages_fts) FROM messages_fts('words')", None),
        ("SELECT highlight(messages_fts, 0, '', '') FROM messages_fts('words')", None),
        ("SELECT line ->> '$.author', json_extract(line, '$.type') FROM lines LIMIT 1", None),
        ("SELECT value FROM json_each('[1, 2]')", [[1], [2]]),
        ("SELECT name FROM pragma_table_info('session_tags') LIMIT 1", [["session_id"]]),
        ("PRAGMA table_info(messages)", None),
        ("EXPLAIN QUERY PLAN SELECT * FROM messages", None),
        ("SELECT count(*) FROM sqlite_schema WHERE name = 'messages'", [[1]]),
        (f"{ENDLESS} x FROM c LIMIT 3", [[1], [2], [3]]),
        ("WITH m AS MATERIALIZED (SELECT * FROM messages) SELECT count(*) FROM m", [[3]]),
        ("SELECT row_number() OVER (ORDER BY timestamp), lag(content) OVER () FROM messages", None),
        ("SELECT strftime('%Y', timestamp) FROM messages LIMIT 1", [["2025"]]),
        ("SELECT json_set('{}', '$.a', soundex('Robert')), degrees(acos(0))", None),
        ("SELECT count(*) FROM messages WHERE content GLOB '*words' AND author LIKE 'str%'", [[2]]),
    ],
)  # fmt: skip
def test_what_reads_is_answered(
    recorded: Path, query: str, rows: list[list[object]] | None
) -> None:
    before = state(recorded)
    result = call(recorded, "sql", query, "--json")
    assert result.exit_code == 0, result.stderr
    found = [list(row.values()) for row in json.loads(result.stdout)]
    assert found if rows is None else found == rows
    assert result.stderr == ""
    assert state(recorded) == before
    assert call(recorded, "sql", "-", "--json", typed=query.encode()).stdout == result.stdout


REFUSED = {
    "writing": [
        "INSERT INTO session_tags VALUES ('a', 'b', 'c', 1)",
        "UPDATE messages SET content = 'forged'",
        "DELETE FROM messages",
        "REPLACE INTO auto_recording VALUES ('1', '1', '1')",
        "DELETE FROM messages RETURNING *",
        "WITH x AS (SELECT 1) DELETE FROM messages",
        "CREATE TABLE mine (x)",
        "CREATE TEMP TABLE mine (x)",
        "CREATE TEMP VIEW mine AS SELECT 1",
        "CREATE TEMP TRIGGER t AFTER INSERT ON lines BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE temp.v USING fts5vocab('main', 'messages_fts', 'row')",
        "DROP TABLE messages",
        "ALTER TABLE messages RENAME TO mine",
        "REINDEX",
        "ANALYZE",
        "EXPLAIN DELETE FROM messages",
        "UPDATE sqlite_schema SET sql = ''",
    ],
    "other files": [
        "ATTACH 'mine.db' AS mine",
        "ATTACH ':memory:' AS mine",
        "ATTACH 'file:mine.db?mode=rwc' AS mine",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('mine')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('mine', 'x')",
        "SELECT edit('x')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT * FROM fsdir('.')",
    ],
    "transactions": ["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SAVEPOINT x", "RELEASE x"],
    "pragmas": [
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 7",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA temp_store_directory = '.'",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA trusted_schema = ON",
        "PRAGMA optimize",
        "PRAGMA integrity_check",
        "SELECT * FROM pragma_journal_mode",
        "SELECT * FROM pragma_integrity_check",
        "SELECT * FROM pragma_wal_checkpoint('TRUNCATE')",
        "SELECT * FROM pragma_database_list",
    ],
    "full-text index": [
        "INSERT INTO messages_fts (messages_fts) VALUES ('delete-all')",
        "INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')",
        "INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)",
        "SELECT fts5(NULL)",
        "SELECT fts5_source_id()",
        "SELECT optimize(messages_fts) FROM messages_fts",
    ],
    "other tables": [
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_dbpage",
        "SELECT data FROM sqlite_dbpage",
        "SELECT * FROM bytecode('SELECT 1')",
        "SELECT * FROM sqlite_stmt",
    ],
    "hogs": ["SELECT zeroblob(1000000000)", "SELECT randomblob(1000000000)"],
    "several": [
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM messages",
        "SELECT 1;; ;SELECT 2",
        "SELECT 1; /* hidden */ DROP TABLE messages -- end",
        "SELECT 1\n;\n-- a comment\nATTACH 'mine.db' AS mine",
    ],
    "no SQL": [
        "",
        " ",
        ";",
        "/* nothing */",
        "selec",
        "SELECT",
        "SELECT x FROM messages",
        "SELECT * FROM nothing",
        "SELECT nothing(1)",
        "SELECT ?",
        "SELECT :name",
        "SELECT 1\0; DELETE FROM messages",
        "SELECT '\ud800'",
        "SELECT * FROM messages_fts('\"')",
        "SELECT json_extract('{', '$')",
        "SELECT " + "(" * 2_000 + "1" + ")" * 2_000,
        "SELECT " + "1 + " * 2_000 + "1",
        "SELECT " + " UNION SELECT ".join("1" * 200),
        "SELECT '" + "x" * (2 << 20) + "'",
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_more_is_refused(recorded: Path, place: Path, kind: str) -> None:
    before = state(recorded)
    for query in REFUSED[kind]:
        result = call(recorded, "sql", query)
        assert result.exit_code == 2, (query, result.stdout)
        assert result.stderr.startswith("Error: "), query
        assert result.stdout == ""
        assert len(result.stderr) < 400
    assert state(recorded) == before
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("ATTACH 'x' AS y", "`recorder sql` only reads: this statement is not allowed."),
        ("SELECT load_extension('x')", "the function load_extension is not allowed"),
        ("PRAGMA journal_mode", "PRAGMA journal_mode is not allowed"),
        ("BEGIN", "only reads: this statement is not allowed"),
        ("DELETE FROM messages", "only reads: this statement is not allowed"),
        ("SELECT 1; SELECT 2", "Only one statement at a time"),
        ("SELECT x FROM messages", "SQLite reports: no such column: x. The tables and columns are"),
        ("-- nothing", "Begin with SELECT"),
        ("SELECT ?", "Write the values into the statement"),
    ],
)
def test_a_refusal_says_why(recorded: Path, query: str, says: str) -> None:
    assert says in call(recorded, "sql", "--", query).stderr


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (f"{ENDLESS} count(*) FROM c", "longer than 0.2 seconds"),
        (f"{ENDLESS} x FROM c WHERE x < 0", "longer than 0.2 seconds"),
        ("SELECT count(*) FROM lines a, lines b, lines c, lines d, lines e, lines f, lines g, "
         "lines h, lines i, lines j, lines k, lines l, lines m, lines n, lines o", "longer than"),
        ("SELECT replace(printf('%.10000000c', 'a'), 'a', 'aa')", "is too large"),
        ("SELECT group_concat(printf('%.1000000c', 'a')) FROM (VALUES "
         + ", ".join(["(1)"] * 20) + ")", "is too large"),
    ],
)  # fmt: skip
def test_what_takes_too_long_or_is_too_large_is_ended(
    recorded: Path, query: str, says: str
) -> None:
    result = call(recorded, "sql", query, "--seconds", "0.2")
    assert result.exit_code == 2 and says in result.stderr


def in_a_process(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "recorder", "--data", str(folder), "sql", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.slow
def test_memory_is_limited(recorded: Path) -> None:
    result = in_a_process(recorded, f"{HOG} DISTINCT x FROM c ORDER BY x", "--seconds", "25")
    assert result.returncode == 2 and "too much memory" in result.stderr


@pytest.mark.slow
def test_a_single_endless_call_inside_sqlite_is_left(recorded: Path) -> None:
    """It cannot be interrupted: a trillion comparisons within one step."""
    endless = "SELECT instr(printf('%.9000000c', 'a'), printf('%.4500000c', 'a') || 'b')"
    result = in_a_process(recorded, endless, "--seconds", "0.2")
    assert result.returncode == 2 and "longer than 0.2 seconds" in result.stderr


def test_rows_are_limited_and_it_says_so(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = call(recorded, "sql", f"{ENDLESS} x FROM c", "--json")
    assert len(json.loads(result.stdout)) == 1_000
    assert "Truncated after 1,000 rows" in result.stderr and "--limit" in result.stderr
    assert result.exit_code == 0
    assert call(recorded, "sql", "SELECT * FROM messages", "--limit", "3", "--json").stderr == ""
    assert "after 2 rows" in call(recorded, "sql", "SELECT * FROM messages", "--limit", "2").stderr
    monkeypatch.setattr(read_only_sql, "_MAX_BYTES", 5_000_000)
    large = call(recorded, "sql", f"{HOG} x FROM c", "--json")
    assert len(json.loads(large.stdout)) == 4 and "The result is too large" in large.stderr


def test_a_table_json_and_csv(recorded: Path) -> None:
    query = "SELECT message_index AS n, content, NULL AS n, -1 AS x FROM messages"
    table = call(recorded, "sql", query).stdout
    assert table.splitlines()[0].split() == ["n", "content", "n", "x"]
    assert "second words" in table and table.endswith("\n3 rows\n")
    rows = json.loads(call(recorded, "sql", query, "--json").stdout)
    assert rows[1] == {"n": 2, "content": "second words", "n:1": None, "x": -1}
    found = list(csv.reader(io.StringIO(call(recorded, "sql", query, "--csv").stdout)))
    assert found[0] == ["n", "content", "n", "x"]
    assert found[3] == ["3", "'=1+1", "", "-1"], "a text is no formula, a number is a number"
    assert call(recorded, "sql", "SELECT 1 WHERE 0", "--json").stdout == "[]\n"
    assert call(recorded, "sql", "SELECT 1 AS x WHERE 0", "--csv").stdout.splitlines() == ["x"]
    assert "0 rows" in call(recorded, "sql", "SELECT 1 WHERE 0").stdout
    escape = call(recorded, "sql", "SELECT char(27) || '[31m' AS x, 1 AS \"\x1b[0m\"").stdout
    assert "\x1b" not in escape


def test_the_other_formats(recorded: Path) -> None:
    def lines(*options: str) -> list[str]:
        query = "SELECT message_index AS n, content, x'00ff' AS n FROM messages LIMIT 2"
        result = call(recorded, "sql", query, *options)
        assert result.exit_code == 0 and result.stderr == ""
        return result.stdout.splitlines()

    first, second = [1, "!ai first words", "00ff"], [2, "second words", "00ff"]
    objects = [dict(zip(("n", "content", "n:1"), row, strict=True)) for row in (first, second)]
    assert list(map(json.loads, lines("--nl"))) == objects
    assert lines("--nl", "--json") == lines("--nl")
    assert json.loads("".join(lines("--arrays"))) == [first, second]
    assert list(map(json.loads, lines("--nl", "--arrays"))) == [first, second]
    assert lines("--tsv") == ["n\tcontent\tn", "1\t!ai first words\t00ff", "2\tsecond words\t00ff"]
    for format in ("--csv", "--tsv"):
        assert lines(format, "--no-headers") == lines(format)[1:]
    assert lines("--table") == lines("-t") == lines()
    assert lines("--no-headers") == lines()[1:]
    formula = call(recorded, "sql", "SELECT '=1+1'", "--tsv", "--no-headers").stdout
    assert formula == "'=1+1\n", "a text is no formula in TSV either"


@pytest.mark.parametrize(
    "options",
    ["--csv --json", "--csv --nl", "--tsv --arrays", "--csv --tsv", "-t --json", "-t --csv",
     "--json --no-headers", "--nl --no-headers"],
)  # fmt: skip
def test_formats_exclude_each_other(recorded: Path, options: str) -> None:
    assert call(recorded, "sql", "SELECT 1", *options.split()).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    ["SELECT 1 --limit 0", "SELECT 1 --seconds 0", "SELECT 1 --seconds nan", "", "SELECT 1"],
)
def test_wrong_use(recorded: Path, arguments: str) -> None:
    assert call(recorded, "sql", *arguments.split()).exit_code == 2
    assert call(recorded, "sql", "-", typed=b"\xff").exit_code == 2


def test_without_a_database(place: Path) -> None:
    assert call(place / "nothing", "sql", "SELECT 1").exit_code == 3


async def test_it_reads_while_a_recorder_records(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with SessionRecorder(folder):
        result = await asyncio.to_thread(call, folder, "sql", "SELECT count(*) FROM messages")
    assert result.exit_code == 0
