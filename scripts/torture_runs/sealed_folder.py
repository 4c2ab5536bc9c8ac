"""A sealed data folder in which everything that a record can hold has happened."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from recorder import Channel, Message, SessionManager, SessionRecorder
from recorder.care import sealing
from recorder.models import Annotation, AutoRecording, Deletion, Edit, Reaction, Session
from recorder.recording.attachment_queue import AttachmentQueue
from recorder.recording.gap_log import GapLog
from recorder.recording.importing import import_file
from recorder.store import attachment_files
from recorder.store.erasure import Selection
from recorder.store.gaps import HistoryPage

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_FILE = "https://cdn.discordapp.com/attachments/1/2/plan.txt"
_ZONE = ZoneInfo("UTC")


async def make(folder: Path, key: Path) -> str:
    """Record into a data folder and seal it; return the seal.

    Parameters
    ----------
    key
        The file of the private key, which is created.
    """
    async with SessionRecorder(folder, attachment_limit=1 << 20) as recorder:
        manager = SessionManager(recorder, _ZONE)
        first = await _talk(recorder, manager)
        second = await _interrupted(recorder, manager)
        await recorder.scrub()
        shutil.copytree(folder, earlier_state(folder))
        third = await manager.start("third", _channel(3), user_id="31", now=_at(40))
        await recorder.record(_said(41, 3, "of another server"))
        await manager.stop("3", now=_at(42))
        await manager.merge([first, second], "both", _channel(1), user_id="30", now=_at(50))
        await import_file(
            recorder, folder / first.file_path, _ZONE, name="read back", guild_id="1", now=_at(51)
        )
        await manager.delete(third)
        await manager.switch_auto(AutoRecording("1", "1", "30"), on=True, now=_at(52))
        await manager.remember_own([_id(53), _id(54)])
        await manager.opt_out("1", "22", now=_at(55))
        await manager.start("fourth", _channel(4), user_id="31", now=_at(56))
        await recorder.record(_said(57, 4, "not stopped"))
        sealed = await sealing.seal(recorder, key, _at(60))
    return str(sealed.seal)


def earlier_state(folder: Path) -> Path:
    """Return the copy of a folder from before its last sessions; it is sound, too."""
    return folder.with_name(f"{folder.name}-earlier")


async def _talk(recorder: SessionRecorder, manager: SessionManager) -> Session:
    """Record messages with all kinds of changes, a kept file, tags and an erasure."""
    session = await manager.start("first", _channel(1), user_id="30", now=_at(0))
    for number in range(1, 9):
        await recorder.record(_said(number, 1, f"message {number}", author=20 + number % 3))
    await recorder.record(_said(9, 1, "with a file", attachments=(_FILE,)))
    recorder.change(Edit(_at(10), "1", _id(2), "edited once"))
    recorder.change(Edit(_at(11), "1", _id(3), "edited as well"))
    recorder.change(Deletion(_at(12), "1", _id(4)))
    recorder.change(Reaction(_at(13), "1", _id(5), "add", "👍", "21"))
    recorder.annotate(Annotation(_at(14), "1", _id(6), "a-model"))
    await _keep(recorder)
    await manager.tag(session, "solved", now=_at(15), message_index=5)
    await manager.tag(session, "wrong", now=_at(16), message_index=6)
    await manager.untag(session, "wrong", now=_at(17))
    await manager.opt_out("1", "23", now=_at(18))
    await manager.opt_in("1", "23", now=_at(19))
    selection = Selection("message", message_ids=(_id(7), _id(8)))
    await manager.erase(selection, now=_at(20))
    await manager.stop("1", now=_at(21))
    return await manager.rename(session, "first, renamed", now=_at(22))


async def _keep(recorder: SessionRecorder) -> None:
    queue = AttachmentQueue(recorder)
    (download,) = queue.due(_at(30), 1)
    with attachment_files.incoming(recorder.folder) as file:
        file.write(b"the plan\n" * 100)
        await queue.keep(download, file, file.complete("plan.txt"), now=_at(30))


async def _interrupted(recorder: SessionRecorder, manager: SessionManager) -> Session:
    """Record a session with a pause, and a gap that is filled from the history."""
    session = await manager.start("second", _channel(2), user_id="30", now=_at(23))
    await recorder.record(_said(24, 2, "before the pause"))
    await manager.pause("2", now=_at(25))
    await manager.resume("2", now=_at(26))
    gaps = GapLog(recorder)
    await gaps.begin("connection lost", _at(27), [session], now=_at(27))
    await gaps.end(_at(29))
    missed = _said(28, 2, "fetched later")
    page = HistoryPage("2", [missed], frozenset({_id(28)}), _id(24), _id(29))
    await gaps.fill(session, page, now=_at(30))
    await gaps.close(session, [], None, now=_at(30))
    return await manager.stop("2", now=_at(31))


def _channel(number: int) -> Channel:
    return Channel(str(number), f"channel-{number}", "2" if number == 3 else "1")


def _said(
    number: int, channel: int, text: str, *, author: int = 20, attachments: tuple[str, ...] = ()
) -> Message:
    return Message(
        timestamp=_at(number),
        author=f"user{author}",
        author_id=str(author),
        content=text,
        type="user_message",
        attachments=attachments,
        message_id=_id(number),
        channel_id=str(channel),
    )


def _id(number: int) -> int:
    return (1 << 60) + number


def _at(minutes: int) -> datetime:
    return _NOW + timedelta(minutes=minutes)
