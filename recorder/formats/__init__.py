"""The formats of an export, a module each: how a recording becomes the text of a file."""
