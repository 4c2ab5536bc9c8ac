"""Scripts that put no spaces between words, made searchable.

The full-text index takes a run of such characters for one word. Beside the text it gets them
one by one, so that a part of the run is found as a phrase.
"""

from __future__ import annotations

import re

# Thai, Lao, Myanmar, Khmer; Hiragana, Katakana, Bopomofo; Han with its extensions.
_CHARACTERS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
# A character of private use is a word of the index: no phrase reaches over it.
_BETWEEN = " \ue000 "
RUN = re.compile(f"[{_CHARACTERS}]+")
_WORD = re.compile(f"[\\w{_CHARACTERS}]+")
_PART = re.compile(f"[{_CHARACTERS}]|[^\\W{_CHARACTERS}]+")


def spaced(text: str) -> str | None:
    """The words with such characters in `text`, taken apart; ``None`` without any.

    Letters of other scripts that are glued to them stay together: ``使用Python`` becomes
    ``使 用 Python``.
    """
    if text.isascii():
        return None
    words = [word for word in _WORD.findall(text) if RUN.search(word)]
    return _BETWEEN.join(" ".join(_PART.findall(word)) for word in words) if words else None
