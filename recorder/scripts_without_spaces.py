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


def spaced(text: str) -> str | None:
    """The runs of such characters in `text`, a space after each; ``None`` without any."""
    if text.isascii():
        return None
    runs = RUN.findall(text)
    return _BETWEEN.join(" ".join(run) for run in runs) if runs else None
