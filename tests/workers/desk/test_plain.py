"""The text of a letter, read off its page."""

from workers.desk.plain import plain


def test_a_page_is_read_as_its_reader_sees_it():
    """Headings are underlined, lists have bullets, entities are read, styles are silent, lines are short."""
    page = """<html><head><style>p{}</style><title>no</title></head><body><h1>A &amp; B</h1><p>one<br>two</p>
    <ul><li>first <b>bold</b></li><li>second</li></ul><dl><dt>Key</dt><dd>value</dd></dl>
    <table><tr><th>a</th><td>b</td></tr></table></body></html>"""
    expected = "A & B\n=====\n\none\ntwo\n\n- first bold\n- second\n\nKey\n  value\n\na b\n"
    assert expected == plain(page)


def test_long_lines_are_wrapped_below_their_bullet():
    """A wrapped item stays below itself; a long word such as a link is not cut."""
    lines = plain(f"<ul><li>{'word ' * 30}</li><li>{'x' * 100}</li></ul>").splitlines()
    assert "  word" == lines[1][:6]
    assert "- " + "x" * 100 in "\n".join(lines).replace("-\n  ", "- ")
