"""HTML transcripts, and a parser that refuses HTML that is not well-formed."""

from collections.abc import Iterable
from html.parser import HTMLParser

from support.recordings import UTC_ZONE

from recorder.formats.html.page import Transcript, render
from recorder.models import Message, RecordedMessage

VOID = {"meta", "input", "img", "br"}


class Balanced(HTMLParser):
    """A parser that asserts that every element is closed, in the right order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def feed_all(self, page: str) -> None:
        self.feed(page)
        self.close()
        assert not self.open


def recorded(*messages: Message) -> list[RecordedMessage]:
    return [RecordedMessage(index, message) for index, message in enumerate(messages, 1)]


def page(messages: Iterable[RecordedMessage], title: str = "plans", **further: object) -> str:
    transcript = Transcript(title, (("Messages", "3"),), messages, UTC_ZONE, **further)  # type: ignore[arg-type]
    return "".join(render(transcript))
