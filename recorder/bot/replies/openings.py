"""The first words of every message that the recorder itself sends."""

from __future__ import annotations

# The history of a channel has messages of earlier releases too: add openings, remove none.
OPENINGS = (
    "🔴 **Recording Started",
    "🔴 **Resumed Session",
    "🔴 Auto-recording",
    "🔴 New session started",
    "🔴 **Recording continues",
    "⏹️ **Recording Stopped",
    "⏸️ **Recording Paused",
    "🛑 **Recording stopped",
    "💾 **Session Saved",
    "📚 **Saved Sessions",
    "📖 **Loading Session",
    "📄 **Exporting",
    "📄 The export",
    "🗑️ ",
    "🏷️ ",
    "🔗 **Merging",
    "🔍 ",
    "📊 **Session Stats",
    "🎙️ **Session Recording",
    "⚪ Auto-recording",
    "❌ ",
    "🔒 ",
    "⏳ ",
    "🙈 ",
    "🙉 ",
)
