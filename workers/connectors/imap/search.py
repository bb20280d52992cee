"""Finding again what was noted: by UID, and by content where the UID says nothing any more."""

from collections import defaultdict
from collections.abc import Sequence

from imapclient import IMAPClient

from shared.domain.outcome import Found
from shared.mail import Same
from workers.connectors.imap.folders import Folder, Folders
from workers.connectors.imap.mailboxes import Mailboxes, standing
from workers.connectors.imap.messages import Key, Standing, contents, marks, marks_of, sizes_of
from workers.connectors.imap.session import reachable

Places = dict[str, list[Standing]]
_Group = list[tuple[Key, Found]]


class Search:
    """Finds the messages noted, for one verb: what it has learnt of a folder it knows until the verb ends.

    A message is where its key says, unless its mark differs (then its content decides). Else it is looked for by its
    mark in its folder of origin and in that one's restricted folder, and is taken only if its content is what was
    noted. Whoever has moved it elsewhere is found out by the second look.
    """

    def __init__(self, mailboxes: Mailboxes, same: Same) -> None:
        self._mailboxes = mailboxes
        self._same = same
        self._folders: dict[str, Folders] = {}
        self._marks: dict[tuple[str, str], dict[str, list[int]]] = {}

    def __call__(self, notes: Sequence[Found]) -> Places:
        """Return the places of each note's message, by key."""
        with reachable():
            found: Places = {note.key: [] for note in notes}
            groups: dict[tuple[str, str], list[tuple[Key, Found]]] = defaultdict(list)
            for note in notes:
                key = Key.read(note.key)
                groups[key.mailbox, self._listed(key.mailbox).folder(key.name).origin].append((key, note))
            for (mailbox, origin), group in groups.items():
                self._look(mailbox, origin, group, found)
            return found

    def _look(self, mailbox: str, origin: str, group: list[tuple[Key, Found]], found: Places) -> None:
        listed = self._listed(mailbox)
        for name in (origin, listed.restricted_of(origin)):
            if name in listed:
                self._look_in(mailbox, listed.folder(name), group, found)

    def _look_in(self, mailbox: str, folder: Folder, group: list[tuple[Key, Found]], found: Places) -> None:
        client = self._mailboxes.client(mailbox)
        opened = self._mailboxes.open(client, mailbox, folder.name)
        if opened is None or not opened[1]:
            return
        validity, exists = opened
        here = [(key, note) for key, note in group if (key.name, key.validity) == (folder.name, validity)]
        standing_marks = marks_of(client, (key.uid for key, _ in here))
        uids = {note.key: [key.uid] for key, note in here if standing_marks.get(key.uid) == key.mark}
        missing = [(key, note) for key, note in group if note.key not in uids]
        if missing:
            index = self._marks.get((mailbox, folder.name))
            if index is None:
                index = self._marks[mailbox, folder.name] = marks(client, exists)
            uids |= self._verified(client, missing, index, standing_marks)
        its_mark = {note.key: key.mark for key, note in group}
        for key, taken in uids.items():
            found[key] += [standing(mailbox, folder, validity, uid, its_mark[key]) for uid in taken]

    def _verified(
        self, client: IMAPClient, missing: list[tuple[Key, Found]], index: dict[str, list[int]], marked: dict[int, str]
    ) -> dict[str, list[int]]:
        candidates = {
            note.key: {*index.get(key.mark, ()), *([key.uid] if key.uid in marked else ())} for key, note in missing
        }
        notes = {note.key: note for _, note in missing}
        taken: dict[str, list[int]] = defaultdict(list)
        wanted: dict[int, list[str]] = defaultdict(list)
        for key, uids in candidates.items():
            for uid in uids:
                wanted[uid].append(key)
        for uid, raw in contents(client, sizes_of(client, wanted)):
            for key in wanted[uid]:
                if self._same(notes[key], raw):
                    taken[key].append(uid)
        return taken

    def _listed(self, mailbox: str) -> Folders:
        if mailbox not in self._folders:
            self._folders[mailbox] = self._mailboxes.folders(mailbox)
        return self._folders[mailbox]
