"""Pages: what people wrote stands in them as text; it makes no tag, no attribute and no link of its own."""

from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.nasty import fuzz, text, values
from tests.workers.desk.jobs import Desk

PAGES = ("index.html", "letter.html")
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
cells = st.one_of(values, st.sampled_from((EVIL, "<a href='javascript:x'>", "&lt;b&gt;", "</style><b>", "]]>", "<!--")))


class Seen(HTMLParser):
    """A page's tags with the names of their attributes, its links, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.texts = set(), [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add((tag, *(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def desk(tmp_path):
    """A desk with an access of a person whose chat holds what is said."""
    return Desk(tmp_path, right="access")


def answered(desk, collection, rows, files):
    """Answer with these rows and files in the package; return the pages' names and what is seen in them."""
    part = desk.exported("chat")
    columns = list(dict.fromkeys(key for row in rows for key in row)) or ["id"]
    part.rows(collection, columns, rows)
    for number, name in enumerate(files):
        part.file(name, str(number).encode())
    desk.register(part, 15)
    desk.do("answer")
    return {name: Seen(desk.content(name)) for name in PAGES}


@fuzz(0.4)
@given(text, st.lists(st.dictionaries(text, cells, max_size=3), max_size=3), st.lists(text, max_size=3))
@example("<b>", [{"<i>": EVIL}], [EVIL, "javascript:alert(1)", "a b%2F..%2Fc?d#e"])
@example("t", [{"x": "\ud800"}], ["\ud800"])
def test_rows_and_files_are_text(desk, collection, rows, files):
    """The tags are those of a page about nobody special; each link leads to a file of the package."""
    plain = answered(desk, "messages", [{"id": 1, "content": "hello"}], ["a.txt"])
    nasty = answered(desk, collection, rows, files)
    for name in PAGES:
        assert set() == nasty[name].tags - plain[name].tags
        local = [link for link in nasty[name].links if link not in plain[name].links]
        assert set() == {unquote(link) for link in local} - desk.names()


@fuzz(0.4)
@given(st.dictionaries(st.sampled_from(("name", "visitor")), text.filter(str.strip), max_size=2))
@example({"name": EVIL, "visitor": EVIL})
def test_who_asks_is_text(tmp_path_factory, who):
    """A ticket's name and ids stand in the letter as they are."""
    subject = {"email": ["ada@example.org"], "name": "Ada"}
    pages = []
    for one in (
        subject,
        subject | {"name": who.get("name", "Ada")[:200], "other": {"visitor": who.get("visitor", "v")[:200]}},
    ):
        desk = Desk(tmp_path_factory.mktemp("desk"), right="access", subject=one)
        try:
            desk.case()
        except ValueError:
            return  # refused at the door
        pages.append(answered(desk, "messages", [{"id": 1}], []))
        desk.store.close()
    plain, nasty = pages
    assert all(set() == nasty[name].tags - plain[name].tags for name in PAGES)
