"""What stands around identifiers in chats, and what only looks like one."""

import random
import uuid
from collections.abc import Callable

from tests.shared.transcripts.identifiers import card, iban

SPEAKERS: tuple[Callable[[random.Random], str], ...] = (
    lambda c: f"[2026-{c.randint(1, 12):02}-{c.randint(1, 28):02} {_time(c)}] agent-{c.randint(1, 40)}: ",
    lambda c: f"{_time(c)} {c.choice(_NAMES)}: ",
    lambda c: f"{c.choice(_NAMES)} ({c.randint(1, 28)}.{c.randint(1, 12)}.2026, {_time(c)[:5]}): ",
    lambda c: f"{c.choice(_NAMES)}> ",
    lambda _: "- ",
)
_NAMES = ("Ada", "Jörg Müller", "Kunde", "visitor", "Chloé", "Support", "Zoë B.", "Agent", "Ines", "M. Dupont")


def _time(chance: random.Random) -> str:
    return f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"


_TALK = {
    "de": (
        "ich habe gestern bei Ihnen bestellt aber das Paket ist noch nicht da können Sie bitte nachsehen vielen Dank "
        "für die schnelle Hilfe leider funktioniert der Zugang seit dem Wochenende nicht mehr wir melden uns sobald "
        "die Technik geantwortet hat"
    ),
    "en": (
        "the parcel has not arrived yet could you please have a look thank you for the quick answer unfortunately my "
        "account has been locked since the weekend and I need it for work we will get back to you as soon as the team "
        "has replied"
    ),
    "fr": (
        "bonjour je n'ai toujours pas reçu ma commande pouvez-vous vérifier s'il vous plaît merci beaucoup pour votre "
        "aide malheureusement mon compte est bloqué depuis le week-end nous revenons vers vous dès que possible"
    ),
}


def talk(chance: random.Random, language: str) -> str:
    """Return a few words of a sentence."""
    words = _TALK[language].split()
    first = chance.randrange(len(words) - 6)
    return " ".join(words[first : first + chance.randint(4, 18)])


SAYS = {
    "EMAIL": {
        "de": ("meine Mail ist {}", "bitte an {} schicken", "E-Mail: {}.", "schreiben Sie an <{}>!"),
        "en": ("my address is {}", "please write to {}.", "it's {}, thanks", "(mailto:{})"),
        "fr": ("mon adresse est {}", "écrivez à {} svp", "e-mail : {}."),
        "any": ("{}", "<{}>", '"{}"', "cc: {};", "{}?"),
    },
    "PHONE": {
        "de": (
            "Sie erreichen mich unter {}", "meine Nummer: {}", "Tel. {}", "rufen Sie bitte {} an", "Handy {}.",
            "ja, die {}", "unter {} bin ich ab 17 Uhr da",
        ),
        "en": (
            "you can reach me at {}", "my number is {}", "call me on {} please", "mobile: {}", "yes it's {}",
            "try {} after 5 pm",
        ),
        "fr": (
            "je suis joignable au {}", "mon numéro : {}", "appelez-moi au {} svp", "tél. {}", "oui, c'est le {}",
            "mon portable {}",
        ),
        "any": ("{}", "({})", "{}, thx", "tel:{}", "WhatsApp {}", "{}."),
    },
    "CARD": {
        "de": ("Kreditkarte {}", "die Karte mit der Nummer {} wurde belastet"),
        "en": ("my card is {}", "charged to {}, expiry 04/28", "card no. {}."),
        "fr": ("ma carte {}", "carte bancaire : {}"),
        "any": ("{}", "Visa {} CVC 123"),
    },
    "IBAN": {
        "de": ("IBAN {}", "bitte auf {} überweisen", "Konto: {}, BIC COBADEFFXXX"),
        "en": ("refund to {} please", "my IBAN is {}.", "IBAN: {}"),
        "fr": ("mon IBAN : {}", "virement sur {} svp"),
        "any": ("{}", "({})"),
    },
    "IP": {
        "de": ("Anmeldung von {}", "die IP ist {}."),
        "en": ("login from {}", "my ip is {}, port 443", "blocked {} yesterday"),
        "fr": ("connexion depuis {}", "adresse IP : {}"),
        "any": ("client={} ok", "[{}]", "{} - - GET /", "ip={};"),
    },
}  # fmt: skip


# {n5} five digits; {x8} eight hexadecimal digits; {date} {time} {price} …
NEAR_MISSES = {
    "de": (
        "Bestellnummer {n10}", "Bestellung 0{n9}", "Kundennummer {n8}", "Rechnung Nr. {n9} vom {date}",
        "Sendung 00{n18}",
        "Vorgang {n7}-{n4}", "Aktenzeichen {n2} O {n3}/26", "das kostet {price} €", "zwischen {n3} und {n4} Stück",
        "PLZ {n5} Berlin", "USt-IdNr. DE{n9}", "Zählerstand {n6},{n1} kWh", "BLZ {n8}, Kto. {n10}",
        "am {date} um {time}",
        "Steuernummer {n2}/{n3}/{n5}", "Version {n1}.{n2}.{n1}.{n3}", "TAN {n6}", "Seriennummer {n12}",
        "Artikel {n3}-{n3}-{n2}",
        "von {n4} bis {n4} Euro", "Seite {n1} von {n2}, {date}",
    ),
    "en": (
        "order no. {n10}", "order #{n9}", "ticket {n8}", "invoice INV-{n4}-{n6}", "tracking 1Z{x8}{n8}",
        "account {n10}",
        "it costs ${price}", "ref: {n6}/{n4}", "version {n1}.{n2}.{n1}.{n2}", "PIN {n4}",
        "on {date} at {time}", "between {n3} and {n4} units", "serial {n12}", "zip {n5}-{n4}",
        "sort code {n2}-{n2}-{n2}",
        "case {n8}", "batch {n4} {n4}", "build {n8}", "customer id {n7}", "SSN-like {n3}{n2}", "IMEI 35{n13}",
    ),
    "fr": (
        "commande n° {n10}", "numéro de commande 0{n9}", "facture {n8} du {date}", "colis 6A{n11}", "référence {n10}",
        "dossier {n7}", "ça coûte {price} €", "SIRET {n3} {n3} {n3} {n5}", "code postal {n5}", "le {date} à {time}",
        "contrat {n9}", "entre {n3} et {n4} pièces", "code de suivi {n12}", "version {n1}.{n1}.{n1}.{n2}",
    ),
    "any": (
        "{date}", "{iso} {time}", "{time}", "{price}", "{uuid}", "{lat}, {lon}", "v{n1}.{n2}.{n1}",
        "ISBN 978-3-{n5}-{n3}-{n1}",
        "EAN {ean}", "{ean}", "#{n9}", "{x32}", "@ada", "user@host", "12 x {n4}", "{n4}x{n4} px", "0{n13}",
        "{n4}-{n4}", "{n2}/{n2}",
        "a1b2c3-{n6}.pdf", "https://acme.test/o/{n10}", "{mac}", "{n1}.{n3}.{n3},{n2}", "300.{n3}.400.{n3}",
        "icon@2x.png",
        "{badcard}", "{badiban}", "npm i left-pad@{n1}.{n1}.{n1}", "1 2 3 4 5 6 7", "{n5} {n5}", "{iso}/{iso}",
        "Q{n1} 2026",
        "std::vector<int>", "10:30:00:12", "Top {n2}, {n3}. Platz", "{n16}",
    ),
}  # fmt: skip
LOGS = (
    "{iso}T{time}.{n3}Z INFO worker-{n2} job={uuid} took {n4} ms",
    "{iso} {time},{n3} ERROR [pool-{n1}-thread-{n2}] order {n10} failed: code {n5}",
    "{n10} {n6} kernel: [{n5}.{n6}] usb {n1}-{n1}: new device {x4}:{x4}",
    "ts=17{n11} lvl=warn rows={n7} bytes={n9} sha={x40}",
    "at 0x{x8} in frame {n3} (main.c:{n3})",
)


def fill(pattern: str, chance: random.Random) -> str:
    """Return a pattern with its places filled."""
    pieces = pattern.replace("{", "\0{").replace("}", "}\0").split("\0")
    return "".join(_filled(piece[1:-1], chance) if piece[:1] == "{" else piece for piece in pieces)


def _filled(name: str, chance: random.Random) -> str:
    if name in _OTHERS:
        return _OTHERS[name](chance)
    signs = "0123456789" if name[0] == "n" else "0123456789abcdef"
    made = "".join(chance.choice(signs) for _ in range(int(name[1:])))
    return chance.choice("123456789") + made[1:] if name[0] == "n" else made


def _ean(digits: str) -> str:
    """Return it with its check digit (GS1)."""
    return digits + str(-sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10)


def _bad(whole: str, chance: random.Random) -> str:
    """Return it with another last digit, so that its check fails."""
    return whole[:-1] + str((int(whole[-1]) + chance.randint(1, 8)) % 10) if whole[-1].isdigit() else whole + "0"


_DATES = ("{d:02}.{m:02}.2026", "{d}.{m}.26", "{m:02}/{d:02}/2026", "2026-{m:02}-{d:02}", "{d:02}/{m:02}/26")
_PRICES = ("{n3}.{n2}", "{n2}.{n2}", "{n1}.{n3},{n2}", "{n1},{n3}.00", "{n2} {n3},00")
_OTHERS: dict[str, Callable[[random.Random], str]] = {
    "date": lambda c: c.choice(_DATES).format(d=c.randint(1, 28), m=c.randint(1, 12)),
    "iso": lambda c: f"2026-{c.randint(1, 12):02}-{c.randint(1, 28):02}",
    "time": _time,
    "price": lambda c: fill(c.choice(_PRICES), c),
    "uuid": lambda c: str(uuid.UUID(int=c.getrandbits(128), version=4)),
    "lat": lambda c: f"{c.uniform(40, 60):.6f}",
    "lon": lambda c: f"{c.uniform(-9, 20):.6f}",
    "ean": lambda c: _ean(f"{c.choice(('400', '426', '303', '501'))}{c.randrange(10**9):09}"),
    "mac": lambda c: ":".join(f"{c.randrange(256):02x}" for _ in range(6)),
    "badcard": lambda c: _bad(card(c), c),
    "badiban": lambda c: _bad(iban(c).upper(), c),
}  # fmt: skip
