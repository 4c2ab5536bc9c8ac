"""Record Discord conversations into SQLite and JSONL, and find them again."""

from recorder.errors import RecorderError
from recorder.models import Channel, Message, RecordedMessage, Session
from recorder.session_analyzer import SessionAnalyzer
from recorder.session_exporter import SessionExporter
from recorder.session_manager import SessionManager
from recorder.session_recorder import SessionRecorder

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
