"""Letters and mails from templates, in the client's language; a client can replace each of them.

`<letters>/<client>/<language>/<name>` is taken first, then `<letters>/<language>/<name>`, then ours; a language
that nobody wrote for is answered in English. A mail's template begins with `Subject: …` and an empty line.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import (
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplatesNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.domain.errors import Final
from workers.desk import Job
from workers.desk.plain import plain

_OURS = Path(__file__).parent / "templates"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_MONTHS = {
    "de": (
        "Januar", "Februar", "März", "April", "Mai", "Juni",
        "Juli", "August", "September", "Oktober", "November", "Dezember",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
_DATES = {"de": "{0.day}. {1} {0.year}", "en": "{0.day} {1} {0.year}"}
_TIMES = {"de": "{}, {:%H:%M} Uhr ({})", "en": "{}, {:%H:%M} ({})"}


class Mail(NamedTuple):
    """What a mail says."""

    subject: str
    text: str


class Templates:
    """The templates of one client; all that each of them may use stands in `context`."""

    def __init__(self, folder: Path | None, of: str, *, language: str, timezone: str, **context: Any) -> None:
        self._environment = _environment(folder, of)
        self._languages = _languages(language)
        self._zone = ZoneInfo(timezone)
        self._context = context

    def render(self, name: str, **context: Any) -> str:
        """Render a template in the first of the languages that it exists in."""
        return self._rendered(self._chosen((name,)), context)

    def _chosen(self, names: tuple[str, ...]) -> Template:
        places = [f"{language}/{name}" for language in self._languages for name in names]
        try:
            return self._environment.select_template(places)
        except TemplatesNotFound:
            raise Final(f"there is no template {names[0]}") from None
        except (TemplateError, UnicodeDecodeError, OSError) as error:
            line = f" in line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            what = type(error).__name__ + line
            raise Final(f"a template for {names[0]} cannot be read ({what}); correct it, then retry") from None

    def _rendered(self, template: Template, context: dict[str, Any]) -> str:
        try:
            text = template.render(self._context | self._spoken(template) | context)
            return text.encode(errors="replace").decode()  # half a character, as some systems' JSON has
        except Exception as error:  # noqa: BLE001 - a client's template may do anything; the text may quote a record
            what = type(error).__name__ + _line(error, template)
            raise Final(f"the template {template.name} cannot be rendered ({what}); correct it, then retry") from None

    def _spoken(self, template: Template) -> dict[str, Any]:
        """Return what depends on the language of the template that was found."""
        lang = (template.name or "en").partition("/")[0]
        return {"lang": lang, "day": self._day(lang), "moment": self._moment(lang), "number": _number(lang)}

    def _day(self, lang: str) -> Callable[[date], str]:
        def day(value: date) -> str:
            local = value.astimezone(self._zone).date() if isinstance(value, datetime) else value
            form = _DATES.get(lang.partition("-")[0])
            months = _MONTHS.get(lang.partition("-")[0])
            return form.format(local, months[local.month - 1]) if form and months else local.isoformat()

        return day

    def _moment(self, lang: str) -> Callable[[datetime], str]:
        def moment(value: datetime) -> str:
            form = _TIMES.get(lang.partition("-")[0], "{} {:%H:%M} ({})")
            return form.format(self._day(lang)(value), value.astimezone(self._zone), self._zone.key)

        return moment


class Letters(Templates):
    """The letters and mails of one job."""

    def __init__(self, job: Job) -> None:
        ticket, client = job.case.ticket, job.client
        super().__init__(
            job.settings.letters, ticket.client, language=client.language, timezone=client.timezone, client=client,
            right=job.right.name, article=job.right.article, ticket=str(job.ticket),
            name=ticket.subject.name if ticket.subject else None, representative=_representative(job),
            received=ticket.received_at, now=job.now,
        )  # fmt: skip

    def letter(self, *names: str, **context: Any) -> tuple[str, str]:
        """Return the first letter that exists as HTML and as plain text.

        The text is read off the page, unless a text template stands beside the page's.
        """
        template = self._chosen(tuple(f"{name}.html.j2" for name in names))
        page, own = self._rendered(template, context), (template.name or "").replace(".html.j2", ".txt.j2")
        if own in self._environment.list_templates(extensions=["j2"]):
            return page, self._rendered(self._environment.get_template(own), context)
        return page, plain(page)

    def mail(self, name: str, **context: Any) -> Mail:
        """Return a mail's subject and text."""
        head, _, text = self.render(f"{name}.txt.j2", **context).partition("\n\n")
        return Mail(" ".join(head.removeprefix("Subject:").split()), text.strip() + "\n")


def _number(lang: str) -> Callable[[int], str]:
    return lambda value: f"{value:,}".replace(",", "." if lang.startswith("de") else ",")


def _representative(job: Job) -> str | None:
    subject = job.case.ticket.subject
    return subject.represented_by.name if subject and subject.represented_by else None


def _languages(wanted: str) -> tuple[str, ...]:
    """Return the languages to look for, best first: `de-AT` is read as `de` where nobody wrote for Austria."""
    if not _LANGUAGE.fullmatch(wanted):
        return ("en",)
    return tuple(dict.fromkeys((wanted, wanted.partition("-")[0].lower(), "en")))


@cache
def _environment(folder: Path | None, client: str) -> ImmutableSandboxedEnvironment:
    """Return the templates of a client; sandboxed, for clients write templates too."""
    theirs = [folder / client, folder] if folder else []
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(place) for place in (*theirs, _OURS)]),
        autoescape=lambda name: name is None or ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["href"] = lambda name: quote(name, safe="/")
    return environment


def _line(error: Exception, template: Template) -> str:
    trace, line = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == template.filename:
            line = f" in line {trace.tb_lineno}"
        trace = trace.tb_next
    return line
