"""The keyed pseudonym that the pseudonymising strategies share."""

import hmac
from string import ascii_lowercase
from string import digits as decimal_digits

_BODY, _PROOF = 24, 8
_LETTERS = ascii_lowercase + decimal_digits


def pseudonym(key: bytes, purpose: str, value: str) -> str:
    """Return 32 hex digits: a pseudonym of 96 bits, and 32 bits that prove that it was made under this key."""
    body = _digest(key, f"value:{purpose}", value)[:_BODY]
    return body + _digest(key, f"proof:{purpose}", body)[:_PROOF]


def is_pseudonym(key: bytes, purpose: str, text: str) -> bool:
    """Say whether `text` was made by `pseudonym`, so that masking twice ends in the same state."""
    return len(text) == _BODY + _PROOF and hmac.compare_digest(
        _digest(key, f"proof:{purpose}", text[:_BODY])[:_PROOF].encode(), text[_BODY:].encode()
    )


def letters(key: bytes, purpose: str, value: str, length: int) -> str:
    """Return `length` characters of a-z and 0-9 that follow from key and value."""
    number, written = int.from_bytes(_long(key, f"letters:{purpose}", value, length)), ""
    while len(written) < length:
        number, at = divmod(number, len(_LETTERS))
        written += _LETTERS[at]
    return written


def digits(key: bytes, purpose: str, value: str, length: int) -> str:
    """Return `length` decimal digits that follow from key and value."""
    return str(int(_digest(key, f"digits:{purpose}", value), 16)).zfill(length)[-length:] if length else ""


def _digest(key: bytes, purpose: str, value: str) -> str:
    return hmac.digest(key, f"{purpose}\0{value}".encode(errors="surrogatepass"), "sha256").hex()


def _long(key: bytes, purpose: str, value: str, length: int) -> bytes:
    rounds = range(length // 32 + 1)
    return b"".join(bytes.fromhex(_digest(key, f"{purpose}:{one}", value)) for one in rounds)
