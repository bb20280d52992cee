"""Identifiers as people write them: made by the numbering plans, the check digit rules and `ipaddress` alone."""

import ipaddress
import random
from collections.abc import Callable, Iterator

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

REGIONS = ("DE", "GB", "US", "FR")
_ABROAD = ("AT", "CH", "NL", "BE", "ES", "IT", "PL", "SE", "DK", "CZ", "PT", "IE", "TR", "IN", "JP", "BR", "AU", "CA")


def email(chance: random.Random) -> str:
    """Return an e-mail address."""
    first = chance.choice(("ada", "Bob", "jörg", "marie-claire", "j.smith", "INFO", "o'neil", "li_wei", "x"))
    last = chance.choice(("", ".lovelace", "+shop", str(chance.randint(1, 99)), "_k", "-b"))
    host = chance.choice(
        (
            "example.org",
            "mail.acme.example",
            "Firma-Nord.de",
            "exämple.de",
            "sub.uni.ac.uk",
            "free.fr",
            "xn--exmple-cua.de",
            "startup.technology",
        )
    )
    return f"{first}{last}@{host}"  # fmt: skip


def phone(chance: random.Random) -> str:
    """Return a phone number, written at home in `REGIONS` or internationally from anywhere."""
    at_home = chance.random() < 0.6
    region = chance.choice(REGIONS if at_home else (*REGIONS, *_ABROAD))
    number = _number(chance, region)
    if at_home:
        return chance.choice(_AT_HOME)(chance, phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL), region)
    return chance.choice(_INTERNATIONAL)(chance, number)


def _number(chance: random.Random, region: str) -> phonenumbers.PhoneNumber:
    kinds = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    example = None
    while example is None:
        example = phonenumbers.example_number_for_type(region, chance.choice(kinds))
    digits = str(example.national_number)
    while True:
        tail = "".join(chance.choice("0123456789") for _ in digits[4:])
        number = phonenumbers.PhoneNumber()
        number.merge_from(example)
        number.national_number = int(digits[:4] + tail)
        if phonenumbers.is_valid_number(number):
            return number


def _parted(chance: random.Random, written: str) -> str:
    """Write it with another separator; `/` is only used after an area code."""
    return written.replace(" ", chance.choice((" ", " ", "-", ".", "", "\u00a0"))).replace("--", "-")


_EXTENSIONS = (" x", " ext. ", " ext ")
_AT_HOME: tuple[Callable[[random.Random, str, str], str], ...] = (
    lambda _, written, __: written,
    lambda _, written, __: written,
    lambda _, written, __: "".join(sign for sign in written if sign.isdigit()),
    lambda c, written, region: _parted(c, _bare(written)) if region in ("FR", "US") else written.replace(" ", "-", 1),
    lambda _, written, region: written.replace(" ", "/", 1) if region == "DE" else written,
    lambda _, written, region: f"({written.replace(' ', ') ', 1)}" if region in ("DE", "GB") else written,
    lambda c, written, region: _in_pairs(written, c) if region in ("DE", "FR") else written,
    lambda c, written, region: f"{written}{c.choice(_EXTENSIONS)}{c.randint(10, 999)}" if region == "US" else written,
    lambda _, written, region: f"1-{written.replace('(', '').replace(') ', '-')}" if region == "US" else written,
)  # fmt: skip


def _bare(written: str) -> str:
    return written.replace("(", "").replace(")", "").replace("-", " ")


def _in_pairs(written: str, chance: random.Random) -> str:
    """Write the subscriber's digits in pairs, as Germans and the French do."""
    area, _, rest = written.partition(" ")
    digits = "".join(sign for sign in rest if sign.isdigit())
    gap = chance.choice((" ", " ", ".", "-")) if len(area) == 2 else " "
    return gap.join([area, *(digits[one : one + 2] for one in range(0, len(digits), 2))])


_WITH_TRUNK = (33, 41, 43, 44, 49)  # where people write (0) after the country's code


def _abroad(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


_INTERNATIONAL: tuple[Callable[[random.Random, phonenumbers.PhoneNumber], str], ...] = (
    lambda _, number: _abroad(number),
    lambda _, number: _e164(number),
    lambda c, number: _parted(c, _abroad(number)),
    lambda _, number: "00" + _abroad(number)[1:],
    lambda _, number: "00" + _e164(number)[1:],
    lambda _, number: (
        _abroad(number).replace(" ", " (0)", 1) if number.country_code in _WITH_TRUNK else _abroad(number)
    ),
    lambda _, number: f"({_abroad(number).replace(' ', ') ', 1)}",
)


def card(chance: random.Random) -> str:
    """Return a card number with its check digit, by the card schemes' published ranges and lengths."""
    prefix, length = chance.choice(
        (
            ("4", 16), ("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15),
            ("37", 15), ("6011", 16), ("65", 16), ("3528", 16), ("36", 14), ("305", 14), ("62", 16), ("62", 19),
            ("6759", 12), ("5018", 16), ("6304", 18),
        )
    )  # fmt: skip
    digits = prefix + "".join(chance.choice("0123456789") for _ in range(length - len(prefix) - 1))
    digits += str(luhn(digits))
    if chance.random() < 0.4:
        return digits
    gap = chance.choice((" ", " ", "-", "\u00a0"))
    sizes = {15: (4, 6, 5), 14: (4, 6, 4), 12: (4, 4, 4), 13: (4, 3, 3, 3), 19: (4, 4, 4, 4, 3), 18: (4, 4, 4, 4, 2)}
    return gap.join(_cut(digits, sizes.get(length, (4, 4, 4, 4))))


def luhn(digits: str) -> int:
    """Return the check digit of ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return -sum(one - 9 if one > 9 else one for one in doubled) % 10


def _cut(digits: str, sizes: tuple[int, ...]) -> Iterator[str]:
    at = 0
    for size in sizes:
        yield digits[at : at + size]
        at += size


# the BBAN's structure by country: n digits, a letters (SWIFT's IBAN registry)
_BBANS = {
    "DE": "18n", "AT": "16n", "CH": "17n", "FR": "23n", "GB": "4a14n", "NL": "4a10n", "BE": "12n", "ES": "20n",
    "IT": "1a22n", "PL": "24n", "NO": "11n", "SE": "20n", "FI": "14n", "DK": "14n", "IE": "4a14n", "PT": "21n",
    "LU": "16n", "MT": "4a23n", "LT": "16n", "CZ": "20n", "HU": "24n", "RO": "4a16n", "BG": "4a14n", "HR": "17n",
}  # fmt: skip


def iban(chance: random.Random) -> str:
    """Return an IBAN with its check digits (ISO 13616-1, mod 97-10)."""
    country, structure = chance.choice(list(_BBANS.items()))
    letters, _, numbers = structure.rpartition("a")
    bban = "".join(chance.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(int(letters or 0)))
    bban += "".join(chance.choice("0123456789") for _ in range(int(numbers[:-1])))
    rest = int("".join(str(int(sign, 36)) for sign in f"{bban}{country}00")) % 97
    whole = f"{country}{98 - rest:02}{bban}"
    if chance.random() < 0.5:
        whole = chance.choice((" ", " ", " ", "-", "\u00a0")).join(
            whole[one : one + 4] for one in range(0, len(whole), 4)
        )
    return whole.lower() if chance.random() < 0.15 else whole


def ip(chance: random.Random) -> str:
    """Return an IP address: v4, or v6 long, compressed, in capitals, or with a v4 inside."""
    if chance.random() < 0.55:
        return str(ipaddress.IPv4Address(chance.randrange(1 << 24, 223 << 24)))
    six = ipaddress.IPv6Address(0x20010DB8 << 96 | chance.getrandbits(96 if chance.random() < 0.5 else 20))
    how = chance.randrange(5)
    if how == 4:
        return f"::ffff:{ipaddress.IPv4Address(chance.getrandbits(32))}"
    return {0: six.exploded, 1: str(six).upper()}.get(how, str(six))


MADE = {"EMAIL": email, "PHONE": phone, "CARD": card, "IBAN": iban, "IP": ip}
