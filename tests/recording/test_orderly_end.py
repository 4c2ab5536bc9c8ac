"""After an orderly end, the database file alone is whole."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from support.recordings import CHANNEL, NOW, UTC_ZONE, record, said

from recorder import SessionManager, SessionRecorder
from recorder.store.database import DATABASE_NAME, open_for_reading
from recorder.store.reading import Reader


def texts_of_the_database_alone(folder: Path, elsewhere: Path) -> list[str]:
    elsewhere.mkdir()
    shutil.copy(folder / DATABASE_NAME, elsewhere)
    reader = Reader(elsewhere)
    return [r.message.content for s in reader.sessions() for r in reader.messages(s.id)]


def test_beside_an_idle_reader(folder: Path, tmp_path: Path) -> None:
    asyncio.run(record(folder, "before", ["one"]))
    with closing(open_for_reading(folder)) as idle:
        assert idle.execute("SELECT count(*) FROM messages").fetchone() == (1,)
        asyncio.run(record(folder, "later", ["two", "three"]))
        assert sorted(texts_of_the_database_alone(folder, tmp_path / "copy")) == [
            *("one", "three", "two")
        ]


async def test_a_reader_in_the_middle_of_a_query_holds_up_the_end_for_a_moment(
    folder: Path,
) -> None:
    recorder = SessionRecorder(folder)
    await recorder.open()
    await SessionManager(recorder, UTC_ZONE).start("busy", CHANNEL, user_id="1", now=NOW)
    await recorder.record(said(1, "one"))
    with closing(open_for_reading(folder)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM messages").fetchall()
        await recorder.record(said(2, "two"))
        await asyncio.wait_for(recorder.close(), 10)
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (2,)


@pytest.mark.slow
def test_of_the_demo(tmp_path: Path) -> None:
    pytest.importorskip("simcord")
    folder = tmp_path / "demo"
    command = (sys.executable, "-m", "recorder", "demo", "--folder", folder)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert not list(folder.glob("recorder.db-*"))
    assert "How do I implement OAuth2?" in "".join(
        texts_of_the_database_alone(folder, tmp_path / "copy")
    )


# The stand-alone bot without Discord: it records a message, and waits.
BOT = textwrap.dedent("""
    import asyncio, sys
    from recorder import SessionManager
    from recorder.bot import standalone
    from recorder.settings import Settings
    from support.recordings import CHANNEL, NOW, UTC_ZONE, said

    async def start(bot, token, *, reconnect=True):
        cog = standalone.Recorder(bot, bot._settings)
        await cog.recorder.open()
        await SessionManager(cog.recorder, UTC_ZONE).start("bot", CHANNEL, user_id="1", now=NOW)
        await cog.recorder.record(said(1, "one"))
        print("ready", flush=True)
        try:
            await asyncio.sleep(60)
        finally:
            await cog.recorder.close()

    standalone.RecorderBot.start = start
    standalone.run(Settings.from_environment({"RECORDER_DATA": sys.argv[1], "DISCORD_TOKEN": "x"}))
""")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_of_the_bot(folder: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BOT, folder],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    assert texts_of_the_database_alone(folder, tmp_path / "copy") == ["one"]
    assert not list(folder.glob("recorder.db-*"))
