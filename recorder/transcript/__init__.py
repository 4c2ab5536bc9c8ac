"""The transcript of a recording: one HTML page that loads nothing and runs nothing foreign."""

from recorder.transcript.page import Transcript, render

__all__ = ["Transcript", "render"]
