"""The formatting rules of Discord's client."""

import re

# The rules of Discord's client; each is tried at the position that was reached.
AT_LINE_START = {
    "heading": r" *#{1,3}\s+\S",
    "small print": r" *-# +\S",
    "quote": r" *>(?:>>)? ",
    "list": r" *(?:[*+-]|\d+[.)])\s",
}
ANYWHERE = {
    "code": r"(`+)[\s\S]*?[^`]\1(?!`)",
    "bold": r"\*\*(?:\\[\s\S]|[^\\])+?\*\*(?!\*)",
    "underlined": r"__(?:\\[\s\S]|[^\\])+?__(?!_)",
    "italic": r"_(?:__|\\[\s\S]|[^\\_])+?_(?![A-Za-z0-9_])",
    "italic too": r"\*(?=\S)(?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?\*(?!\*)",
    "struck out": r"~~[\s\S]+?~~",
    "spoiler": r"\|\|[\s\S]+?\|\|",
    "link text": r"\[(?:\[[^\]]*\]|[^\[\]])*\]\([^)\n]*\)",
    "mention": r"<(?:@[!&]?|#)\d+>|@everyone|@here",
    "emoji": r"<a?:\w+:\d+>",
    "time": r"<t:-?\d+(?::[tTdDfFR])?>",
    "command": r"</[^:\n]+:\d+>",
    "place": r"<id:\w+>",
}
ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
ADDRESS = re.compile(r"((?:https?|steam)://[^\s<]+[^<.,:;\"'\]\s])|<([^: >]+:/[^ >]+)>")


def shown(source: str) -> str:
    """Return the text that Discord shows for `source`, and assert that none of it is formatted."""
    text, position = "", 0
    while position < len(source):
        rules = ANYWHERE
        if position == 0 or source[position - 1] == "\n":
            rules = AT_LINE_START | ANYWHERE
        if escape := ESCAPE.match(source, position):
            text, position = text + escape[1], escape.end()
        elif address := ADDRESS.match(source, position):
            text, position = text + (address[1] or address[2]), address.end()
        else:
            found = [name for name in rules if re.compile(rules[name]).match(source, position)]
            assert found == [], (source, position)
            text, position = text + source[position], position + 1
    return re.sub("@\u200b", "@", text)
