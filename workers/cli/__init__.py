"""The command `rightsdesk`. Everything heavy is imported by the command that needs it."""

import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.exceptions import TyperException

from shared.domain.errors import RightsdeskError, UsageError

app = typer.Typer(
    name="rightsdesk",
    help="Answer people's GDPR rights, and prove it. Start with `rightsdesk demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Stopped(RightsdeskError):
    """Ctrl-C, where something has to be said (Typer ends a command by it without a word)."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"rightsdesk {version('rightsdesk')}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Answer people's GDPR rights, and prove it."""


def main(words: Sequence[str] | None = None) -> None:
    """Run the command; an error of ours is one line on standard error, 2 for wrong use and 1 for a failure."""
    os.umask(0o077)
    try:
        from workers.cli import (  # noqa: F401 - they register their commands
            alerts,
            doctor,
            evidence,
            gate,
            holds,
            keys,
            proofs,
            retention,
            stack,
            systems,
            tickets,
            vault,
            watch,
        )

        code = app(
            words, prog_name="rightsdesk", standalone_mode=False
        )  # else Typer would print its errors by itself, in four lines
        sys.exit(code or 0)
    except TyperException as error:
        _explain(error)
    except Stopped as error:
        _fail(str(error), 130)
    except UsageError as error:
        _fail(str(error), 2)
    except RightsdeskError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        _fail(_unforeseen(error), 1)


def _unforeseen(error: Exception) -> str:
    """Name the error and its place; its text may quote a record or an address with its password."""
    if type(error).__module__.startswith(("sqlalchemy", "redis")):
        return _unreachable(error)
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is needed for this and not installed"
    from shared.log import place_of

    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or place_of(error)}: {error.strerror}"
    return f"unexpected {place_of(error)}; please report it (PYTHONDEVMODE=1 shows the whole error)"


def _unreachable(error: Exception) -> str:
    name = type(error).__name__
    if type(error).__module__.startswith("redis"):
        return f"the broker is not reachable ({name}); check RIGHTSDESK_BROKER_URL, or start `rightsdesk up`"
    if name in ("OperationalError", "ProgrammingError"):
        return f"the database is not reachable or has no schema ({name}); run `rightsdesk migrate`, or `rightsdesk up`"
    return f"the database refused ({name}); check RIGHTSDESK_DATABASE_URL"


def _without_people(text: str) -> str:
    """Leave out who was named in a wrong place: what a scheduled job says is mailed and kept."""
    from shared.masking.freetext import mask

    extra = re.sub(r"^(Got unexpected extra argument\S*) \(.*\)", r"\1: quote a value with blanks", text)
    return mask(extra, key=b"") or ""


def _explain(error: TyperException) -> NoReturn:
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # the message is the help
        sys.stderr.write(error.format_message() + "\n")
        sys.exit(2)
    text = _without_people(" ".join(error.format_message().split()).rstrip(".").replace("Value error, ", ""))
    _fail(f"{text}; see `{context.command_path} --help`" if context else text, 2)


def _fail(text: str, code: int) -> NoReturn:
    _let_go_of_output()
    if sys.stderr is not None:  # closed by whoever started us
        sys.stderr.write(f"rightsdesk: {text}\n")
    sys.exit(code)


def _let_go_of_output() -> None:
    """Drop what standard output did not take; Python would try again at its end, and speak of it in its own words."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
