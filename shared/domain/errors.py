"""The two error families of a step; nothing else crosses a task boundary.

A message here is shown to operators, kept in evidence and sent over Celery: it names collections, systems,
fields and ids, never a value that came from a person's record.
"""


class RightsdeskError(Exception):
    """An error of ours; its text is one line and carries no personal data."""

    def __str__(self) -> str:
        # a name in a file of an operator's may hold anything, even half a character, which no terminal takes
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in super().__str__())


class UsageError(RightsdeskError):
    """The caller asked for something wrong; the text says what to do (exit code 2)."""


class Retryable(RightsdeskError):
    """The step may be tried again by itself, `after` seconds from now."""

    def __init__(self, message: str, *, after: float = 5.0) -> None:
        super().__init__(message)
        self.after = after


class Waiting(Retryable):
    """The system is not done yet: looked at again `after` seconds from now, and no attempt that failed.

    Whoever raises it bounds the wait; the step keeps its cursor and holds no worker meanwhile.
    """


class Unsure(Retryable):
    """A message to the outside may or may not have gone; it is repeated with the same id."""


class Final(RightsdeskError):
    """The step failed; a person retries or waives it."""


class Held(Final):
    """A legal hold forbids the act; `by` placed it. The step is waived, and its stage is asked again."""

    def __init__(self, message: str, *, by: str) -> None:
        super().__init__(message)
        self.by = by


class Unsupported(Final):
    """The connector does not have this verb."""
