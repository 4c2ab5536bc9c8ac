"""Hypothesis strategies for messages and their parts."""

from datetime import UTC

from hypothesis import strategies as st

from recorder.models import MESSAGE_TYPES, Message

OWN_KEYS = [
    "timestamp",
    "author",
    "author_id",
    "content",
    "type",
    "model",
    "attachments",
    "message_id",
    "channel_id",
]

# With more of the characters that break lines somewhere, or that JSON escapes.
TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from('\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\0"\\'),
    )
)
WILD_TEXT = st.text(st.characters())  # with lone surrogates
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes(timezones=st.just(UTC))
IDS = st.integers(0, 2**63 - 1)


def messages(text: st.SearchStrategy[str]) -> st.SearchStrategy[Message]:
    """Return a strategy for messages whose parts are drawn from `text`."""
    return st.builds(
        Message,
        timestamp=TIMES,
        author=text,
        author_id=text,
        content=text,
        type=st.sampled_from(MESSAGE_TYPES),
        model=st.none() | text,
        attachments=st.lists(text, max_size=3).map(tuple),
        message_id=st.none() | IDS,
        channel_id=st.none() | text,
        parent_id=st.none(),
        extra=st.dictionaries(text.filter(lambda key: key not in OWN_KEYS), JSON, max_size=3),
    )
