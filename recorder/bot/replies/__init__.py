"""The bot's messages: texts, pages and questions."""
