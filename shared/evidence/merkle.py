"""Merkle trees, hashed as in RFC 6962, section 2.1 (SHA-256): 0x00 before a leaf's data, 0x01 before two nodes."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

_DIGITS = 64  # of a SHA-256, in hexadecimal
_HIGHEST = 64  # no tree is higher


def leaf_hash(data: bytes) -> bytes:
    """Return a leaf's hash."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes; what is kept in memory grows with the tree's height only."""
    whole: list[tuple[int, bytes]] = []  # subtrees that are full, each smaller than the one before
    for leaf in hashes:
        size, top = 1, leaf
        while whole and whole[-1][0] == size:
            size, top = 2 * size, _node(whole.pop()[1], top)
        whole.append((size, top))
    if not whole:
        return hashlib.sha256().digest()
    top = whole.pop()[1]
    while whole:
        top = _node(whole.pop()[1], top)
    return top


def path_of(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return a leaf's audit path (section 2.1.1): the hashes beside its way to the root, its neighbour's first."""
    if len(hashes) == 1:
        return []
    half = _half(len(hashes))
    if index < half:
        return [*path_of(hashes[:half], index), root_of(hashes[half:])]
    return [*path_of(hashes[half:], index - half), root_of(hashes[:half])]


def root_by(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf's hash and its audit path lead to; None if no tree of this size has such a path."""
    if not 0 <= index < size or (size == 1) != (not path):
        return None
    if size == 1:
        return leaf
    half = _half(size)
    left = index < half
    below = root_by(leaf, index, half, path[:-1]) if left else root_by(leaf, index - half, size - half, path[:-1])
    if below is None:
        return None
    return _node(below, path[-1]) if left else _node(path[-1], below)


def _half(size: int) -> int:
    """Return the largest power of two that is smaller than a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def read_path(path: Any) -> list[bytes] | None:
    """Read hashes from a list of hexadecimal texts, each in its one form; None if it is no audit path."""
    if not isinstance(path, list) or len(path) > _HIGHEST:
        return None
    try:
        hashes = [bytes.fromhex(one) for one in path]
    except (TypeError, ValueError):
        return None
    return hashes if [one.hex() for one in hashes] == path and all(len(one) == _DIGITS for one in path) else None
