"""The texts that the bot sends: notices, replies, pages and questions."""
