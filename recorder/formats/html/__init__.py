"""The HTML transcript: one page that loads nothing and runs only its own script."""
