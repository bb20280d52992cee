"""Art. 15."""

from tests.workflows.cases import FOUND, RIGHTS, asked, case_of, done


def test_nothing_is_changed():
    """Access finds and exports; it opens no gate and takes no turn."""
    case = case_of("access", done("locate", "chat", FOUND), done("locate", "mail", FOUND))
    asks = [key for stage in RIGHTS["access"].names for key in asked(case, stage)]
    assert {"locate", "export", "answer", "deliver"} == {key.split(".")[1] for key in asks}
    assert () == RIGHTS["access"].gates(case.ticket)
    assert not RIGHTS["access"].acting


def test_nobody_is_searched_for_before_the_identity_is_settled():
    """The order of the stages is the order of the law."""
    names = RIGHTS["access"].names
    assert ["identify", "locate", "resolve", "confirm", "export"] == list(names[:5])
