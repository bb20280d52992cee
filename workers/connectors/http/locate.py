"""Find a person's records: roots by their identifiers, then what hangs on them, each judged by whose it is."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.domain.errors import Retryable
from shared.domain.identifier import Identifier, Traits, Verdict, at_odds, own_names, says_who, verdict
from shared.domain.outcome import Found, Outcome
from shared.ports import Work
from workers.connectors.http.records import Ids, Record, Records

DELETED, SHARED = "deleted", "shared"
_WEIGHT = {"other": 0, "ambiguous": 1, "sure": 2}
_UNREADABLE = "a record that was just listed cannot be read by its id; correct the call's path"


def locate(records: Records, work: Work) -> Outcome:
    """Note every record that is the person's; count those that a person has to decide about."""
    return Search(records, work).run()


@dataclass(slots=True)
class _Taken:
    """A record that is the person's, for sure or perhaps; `shared` if another's record would go with it."""

    whose: Verdict
    digest: str
    shared: bool = False


class Search:
    """One search: the roots until nothing new is found, then what hangs on them."""

    def __init__(self, records: Records, work: Work) -> None:
        self._records, self._work = records, work
        self._subject = work.subject
        self._fates = {one.place: one.fate for one in work.found() if one.fate not in (DELETED, SHARED)}
        self._roots: dict[tuple[str, str], tuple[Record, Verdict]] = {}
        self._taken: dict[tuple[str, str], _Taken] = {}
        self._read: set[str] = set()
        self._outcome = Outcome()

    def run(self) -> Outcome:
        """Search, write down, count."""
        wanted = self._subject.identifiers
        while wanted:
            known = self._subject.identifiers
            self._round(wanted)
            if known == self._subject.identifiers:
                self._walk()
            wanted = self._subject.identifiers - known
        self._tell_unsearched()
        for place, one in self._taken.items():
            fate = self._fates.get(place) or (SHARED if one.shared else "")
            self._work.note(Found(*place, sure=one.whose == "sure", fate=fate, digest=one.digest))
            self._outcome.count(place[0], "found" if one.whose == "sure" else "ambiguous")
        self._outcome.identifiers |= self._subject.identifiers - self._work.subject.identifiers
        self._outcome.names |= self._subject.names - self._work.subject.names
        return self._outcome

    def _tell_unsearched(self) -> None:
        """Count what the ticket names and the system cannot look for: a record that bears nothing else stays unseen."""
        named = {one.kind for one in self._work.subject.given}
        for name, resource in self._records.definition.resources.items():
            for kind in sorted(resource.unsearched & named):
                self._outcome.count(name, "residual")
                self._outcome.because(name, "residual", f"the system has no search by {kind}: look by hand")

    def _round(self, wanted: frozenset[Identifier]) -> None:
        """Take what decides first: its names tell whether the record of a number or id that others share is theirs."""
        own = {one for one in wanted if self._subject.decides(one)}
        for record in self._found(own):
            self._take_root(record, verdict(self._subject, self._traits(record)))
        self._by_shared(wanted - own)

    def _by_shared(self, wanted: frozenset[Identifier]) -> None:
        """Take the records by what others may share; those that contradict one another are nobody's for sure.

        Nor is one that bears nothing but what another person's record bears too.
        """
        found = {record.place: (record, self._traits(record)) for record in self._found(wanted)}
        said: set[Traits] = set()
        alike: list[tuple[Record, Traits]] = []
        contested: set[Identifier] = set()
        for record, traits in found.values():
            whose = verdict(self._subject, traits)
            if whose == "sure" and self._shared(traits):
                alike.append((record, traits))
                said |= {traits} if says_who(self._subject, traits) else set()
            else:
                self._take_root(record, whose)
                contested |= traits.identifiers & wanted if whose == "ambiguous" else set()
        odd = at_odds(said)
        contested |= {one for traits in said for one in traits.identifiers & wanted} if odd else set()
        for record, traits in alike:
            hers = says_who(self._subject, traits) and not odd
            doubtful = not hers and traits.identifiers & self._subject.identifiers <= contested
            self._take_root(record, "ambiguous" if doubtful else "sure")

    def _found(self, wanted: Iterable[Identifier]) -> Iterator[Record]:
        for name in self._records.definition.resources:
            yield from self._records.search(name, sorted(wanted))

    def _take_root(self, record: Record, whose: Verdict) -> None:
        _, before = self._roots.get(record.place, (record, "other"))
        if _WEIGHT[whose] > _WEIGHT[before]:
            self._roots[record.place] = record, whose
            if whose == "sure":
                self._learn(record)

    def _walk(self) -> None:
        """Take the roots and what hangs on them: whose a record is may depend on all roots."""
        self._taken = {}
        for record, whose in self._roots.values():
            self._take(record, whose)

    def _take(self, record: Record, whose: Verdict) -> bool:
        """Take a record and those below it; say whether another's record would go with it."""
        self._can_be_read(record)
        taken = self._taken[record.place] = _Taken(whose, record.digest(self._work.key))
        if whose == "sure":
            self._learn(record)
        for name in self._records.definition.below(record.resource):
            goes = self._records.resource(name).goes_with_parent
            for child in self._listed(name, record.ids):
                judged = self._judge(child, whose)
                others = judged == "other" or self._take(child, judged)
                taken.shared |= others and goes
        return taken.shared

    def _listed(self, name: str, parent: Ids) -> Iterator[Record]:
        most = min((one.most for one in self._records.resource(name).find if one.most), default=0)
        number = 0
        for one in self._records.below(name, parent):
            number += 1
            yield one
        if most and number >= most:
            self._outcome.because(name, "residual", f"the system lists the last {most} only; look by hand for more")
            self._outcome.count(name, "residual")

    def _judge(self, child: Record, parent: Verdict) -> Verdict:
        author = self._records.author(child)
        if author is not None:
            return self._roots[author][1] if author in self._roots else "other"
        found = self._traits(child)
        if found.identifiers & self._subject.identifiers:
            return min(verdict(self._subject, found), parent, key=_WEIGHT.__getitem__)
        return "other" if self._records.names_another(child, self._subject) else parent

    def _shared(self, traits: Traits) -> bool:
        return not any(map(self._subject.decides, traits.identifiers & self._subject.identifiers))

    def _traits(self, record: Record) -> Traits:
        return self._records.traits(record, self._subject)

    def _learn(self, record: Record) -> None:
        found = self._traits(record)
        more = self._records.widening(record, self._subject)
        self._subject = dataclasses.replace(
            self._subject,
            widened=self._subject.widened | (more - self._subject.identifiers),
            names=self._subject.names | own_names(self._subject, found),
        )

    def _can_be_read(self, record: Record) -> None:
        """Try each `read` once: one that is wrong would answer 404 to the second look, which means: gone."""
        name = record.resource
        if name in self._read or self._records.resource(name).read is None:
            return
        if self._records.read(name, record.ids) is None:
            raise Retryable(f"{name}.read: {_UNREADABLE}")
        self._read.add(name)
