"""A check that a reply in Discord is harmless, whatever text of users it shows."""

import re

UNSEEN = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BARE = r"(?<!\\)(?:\\\\)*"  # no backslash before it, or an escaped one
PING = re.compile(rf"@(?:everyone|here)|<@[!&]?\d|{BARE}<(?:#\d|id:|/|a?:\w)")
MASKED_LINK = re.compile(rf"{BARE}\]\((?!<https://discord\.com/channels/)")
OUR_CODE = re.compile(r"```\n[^`]*\n```|`[▁-█ ]+`|`!?/?record[^`]*`")


def is_harmless(text: str) -> bool:
    """Return whether a reply fits, mentions nobody, hides nothing and keeps its formatting."""
    shown = OUR_CODE.sub("", text)
    return (
        len(text) <= 2_000
        and not UNSEEN.search(text)
        and not PING.search(shown)
        and not MASKED_LINK.search(shown)
        and not re.search(rf"{BARE}`", shown)
        and not re.search(r"^ *(?:#{1,3}|-#|>|>>>) ", shown, re.MULTILINE)
    )
