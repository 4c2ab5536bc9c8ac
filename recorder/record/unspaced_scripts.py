"""Full-text search in scripts without spaces between words, such as Chinese and Thai.

The full-text index takes a run of such characters for one word. In a column of its own the
index therefore has the characters one by one, so that a part of a run is found as a phrase.
"""

from __future__ import annotations

import re

# Thai, Lao, Myanmar, Khmer; Hiragana, Katakana, Bopomofo; Han with its extensions.
_CHARACTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
# A private-use character is a word of the index, so no phrase matches across it.
_SEPARATOR = " \ue000 "
UNSPACED_RUN = re.compile(f"[{_CHARACTERS}]+")
_WORD = re.compile(f"[\\w{_CHARACTERS}]+")
_PART = re.compile(f"[{_CHARACTERS}]|[^\\W{_CHARACTERS}]+")


def split_characters(text: str) -> str | None:
    """Return the words of `text` in such scripts, split into characters; ``None`` without any.

    Adjacent letters of other scripts stay together: ``使用Python`` becomes ``使 用 Python``.
    """
    if text.isascii():
        return None
    words = [word for word in _WORD.findall(text) if UNSPACED_RUN.search(word)]
    return _SEPARATOR.join(" ".join(_PART.findall(word)) for word in words) if words else None
