"""A letter's page as plain text: so that a replaced page needs no second template."""

import re
import textwrap
from html.parser import HTMLParser

_SILENT = frozenset({"head", "style", "script"})
_BLOCKS = frozenset(
    {"p", "div", "section", "header", "footer", "address", "ul", "ol", "dl", "table", "blockquote", "main"}
)
_HEADINGS = {"h1": "=", "h2": "-", "h3": "-"}
_WIDTH = 78


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self._words: list[str] = []
        self._silent = 0
        self._bullet = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._words.append("\n")
        elif tag in ("td", "th"):
            self._words.append("  ")
        elif tag in _BLOCKS or tag in _HEADINGS or tag in ("li", "dt", "dd", "tr"):
            self.end_block()
            self._bullet = {"li": "- ", "dd": "  "}.get(tag, "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent -= 1
        elif tag in _HEADINGS:
            self.end_block(underline=_HEADINGS[tag])
        elif tag in _BLOCKS or tag in ("li", "dt", "dd", "tr"):
            self.end_block(apart=tag in _BLOCKS)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(re.sub(r"\s+", " ", data))

    def end_block(self, *, underline: str = "", apart: bool = False) -> None:
        text, self._words = "".join(self._words), []
        lines = [" ".join(line.split()) for line in text.split("\n")]
        if any(lines):
            wrapped = [
                textwrap.fill(
                    line, _WIDTH, initial_indent=self._bullet, subsequent_indent=" " * len(self._bullet),
                    break_long_words=False, break_on_hyphens=False,
                )
                for line in lines
                if line
            ]  # fmt: skip
            self.blocks += wrapped
            if underline:
                self.blocks.append(underline * min(len(lines[0]), _WIDTH))
            self._bullet = ""
        if (apart or underline) and self.blocks and self.blocks[-1]:
            self.blocks.append("")


def plain(page: str) -> str:
    """Return what a reader of the page sees, in lines of at most 78 characters."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    reader.end_block()
    return "\n".join(reader.blocks).strip() + "\n"
