"""DiscordChatExporter's JSON, read and written."""
