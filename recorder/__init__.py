"""Record Discord conversations into SQLite and JSONL, and find them again."""

from recorder.errors import RecorderError
from recorder.formats.session_exporter import SessionExporter
from recorder.models import Channel, Message, RecordedMessage, Session
from recorder.recording.session_manager import SessionManager
from recorder.recording.session_recorder import SessionRecorder
from recorder.stats.session_analyzer import SessionAnalyzer

__version__ = "0.1.0"

__all__ = [
    "Channel",
    "Message",
    "RecordedMessage",
    "RecorderError",
    "Session",
    "SessionAnalyzer",
    "SessionExporter",
    "SessionManager",
    "SessionRecorder",
]
