"""The HTML transcript: one page that loads nothing and runs nothing foreign."""
