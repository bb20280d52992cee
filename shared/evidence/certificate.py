"""The signed certificate. It is signed with `proof: pending`; the proof is added beside, and proves by itself."""

import hashlib
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.evidence.chain import canonical
from shared.evidence.checkpoint import certificate_leaf, check_checkpoint
from shared.evidence.merkle import read_path, root_by
from shared.evidence.signature import Keys, signed, wrong_signature

FORMAT = "rightsdesk-certificate/1"
PENDING = "pending"


def sign(certificate: dict[str, Any], signer: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the signed document: the certificate, its proof's state and the signature."""
    return signed({"format": FORMAT, "certificate": certificate, "proof": PENDING}, signer)


def certificate_digest(document: dict[str, Any]) -> bytes:
    """Return the SHA-256 of the text that was signed: what a checkpoint's leaf holds."""
    return hashlib.sha256(canonical(_signed_part(document)).encode()).digest()


def with_proof(
    document: dict[str, Any], checkpoint: dict[str, Any], index: int, path: Iterable[bytes]
) -> dict[str, Any]:
    """Return the document with the proof that a checkpoint covers it; the signature stands as it was given."""
    proof = {"checkpoint": checkpoint, "index": index, "path": [one.hex() for one in path]}
    return document | {"proof": proof}


def verify(document: Any, key: Keys) -> str | None:
    """Return None if the document is a certificate signed by this key, or one of them, else what is wrong with it.

    Its proof is checked where there is one. What verifies with the proof `pending` was signed, and is not known to be
    in a checkpoint: see the document's `proof`.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return "this is not a Rightsdesk certificate"
    if set(document) - {"signature"} != {"format", "certificate", "proof"}:
        return "the certificate has parts that do not belong there"
    wrong = wrong_signature(_signed_part(document), document.get("signature"), key, what="certificate")
    return wrong or (None if document["proof"] == PENDING else _wrong_proof(document, key))


def _signed_part(document: dict[str, Any]) -> dict[str, Any]:
    return {"format": document["format"], "certificate": document["certificate"], "proof": PENDING}


def _wrong_proof(document: dict[str, Any], key: Keys) -> str | None:
    proof = document["proof"]
    if not isinstance(proof, dict) or set(proof) != {"checkpoint", "index", "path"}:
        return "the certificate's proof cannot be read"
    if wrong := check_checkpoint(proof["checkpoint"], key):
        return wrong
    if type(proof["index"]) is not int or (path := read_path(proof["path"])) is None:
        return "the certificate's proof cannot be read"
    checkpoint = proof["checkpoint"]
    leaf = certificate_leaf(document["certificate"]["ticket"], certificate_digest(document))
    root = root_by(leaf, proof["index"], checkpoint["size"], path)
    if root is None or root.hex() != checkpoint["root"]:
        return "the proof does not lead to the checkpoint's root: the certificate is not in that checkpoint"
    return None
