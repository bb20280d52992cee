"""Verify a certificate of Rightsdesk without Rightsdesk: Python 3.9 or newer and the package `cryptography`.

    python verify_certificate.py CERTIFICATE.json PUBLIC.pem [--changes CHANGES.json] [--record RECORD.json]
                                 [--checkpoint PUBLISHED.json]

Exit code 0 if all that was given verifies. See certificate.md for what each part means.
"""

import argparse
import base64
import hashlib
import json
import re
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def main():
    parser = argparse.ArgumentParser(description="Verify a certificate of Rightsdesk.")
    parser.add_argument("certificate", help="the certificate (JSON)")
    parser.add_argument("key", help="the vendor's public keys, or one that you trust (PEM)")
    parser.add_argument("--changes", help="the statements by which each key says which one follows it (JSON)")
    parser.add_argument("--record", help="the proof that a record was found (JSON)")
    parser.add_argument("--checkpoint", help="the checkpoint as it was published (JSON)")
    given = parser.parse_args()
    try:
        document, keys = read(given.certificate), read_keys(given.key, read(given.changes) if given.changes else [])
        said = [check_certificate(document, keys), check_proof(document, keys, given.checkpoint)]
        if given.record:
            said.append(check_record(read(given.record), document["certificate"]))
    except OSError as error:
        raise SystemExit(f"cannot read {error.filename}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, IndexError, RecursionError, AttributeError, UnsupportedAlgorithm):
        raise SystemExit("NOT VALID: this cannot be read as what it is said to be") from None
    print("\n".join(said))


def check_certificate(document, keys):
    """Check that one of the keys signed the certificate. It was signed with its proof pending."""
    demand(document["format"] == "rightsdesk-certificate/1", "this is not a certificate")
    demand_parts(document, "format certificate proof signature")
    check_signature(signed_text(document), document["signature"], keys)
    body = document["certificate"]
    return f"valid: ticket {body['ticket']}, {body['right']}, {body['outcome']}, closed {body['closed_at']}"


def check_proof(document, keys, published):
    """Check that the certificate is a leaf of the checkpoint's Merkle tree, and that a key signed the checkpoint."""
    proof = document["proof"]
    if proof == "pending":
        demand(not published, "the certificate names no checkpoint yet")
        return "proof: pending (signed, not yet in a checkpoint)"
    demand_parts(proof, "checkpoint index path")
    checkpoint = proof["checkpoint"]
    demand_parts(checkpoint, "format number at size before root signature")
    demand(checkpoint["format"] == "rightsdesk-checkpoint/1", "this is not a checkpoint")
    check_signature(unsigned(checkpoint), checkpoint["signature"], keys)
    digest = hashlib.sha256(signed_text(document)).hexdigest()
    leaf = leaf_hash(f"certificate {document['certificate']['ticket']} {digest}".encode())
    root = root_by(leaf, proof["index"], checkpoint["size"], [from_hex(one) for one in proof["path"]])
    demand(root.hex() == checkpoint["root"], "the certificate is not in the checkpoint")
    demand(not published or read(published) == checkpoint, "the checkpoint is not the one that was published")
    return f"proof: in checkpoint {checkpoint['number']} of {checkpoint['at']}, root {checkpoint['root']}"


def check_record(proof, certificate):
    """Check that a record, opened by its salt, is among those that the certificate commits to."""
    demand(proof["format"] == "rightsdesk-record/1", "this is not the proof of a record")
    demand_parts(proof, "format ticket system step record salt index size path")
    demand_parts(proof["record"], "collection key digest")
    demand(proof["ticket"] == certificate["ticket"], "the record's proof is about another ticket")
    record = [proof["record"][part] for part in ("collection", "key", "digest")]
    leaf = leaf_hash(from_hex(proof["salt"]) + canonical(record))
    root = root_by(leaf, proof["index"], proof["size"], [from_hex(one) for one in proof["path"]])
    committed = [
        one["commitment"]
        for system in certificate["systems"] if system["id"] == proof["system"]
        for one in system["found_before"] if one["step"] == proof["step"]
    ]  # fmt: skip
    demand(root.hex() in committed, "the certificate does not commit to this record")
    return f"record: found in {proof['system']}, {record[0]}, before anything was done"


def signed_text(document):
    return canonical({"format": document["format"], "certificate": document["certificate"], "proof": "pending"})


def canonical(value):
    """Return the one text of a JSON value: sorted keys, no blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def unsigned(document):
    return canonical({name: value for name, value in document.items() if name != "signature"})


def check_signature(text, signature, keys):
    """Check a signature, of which nothing is signed itself: so it has one form, and nothing beside it."""
    value = base64.b64decode(signature["value"], validate=True)
    written = {"alg": "Ed25519", "value": base64.b64encode(value).decode()}
    demand(signature == written, "the signature is not written as Ed25519 signatures are")
    demand(any(fits(key, value, text) for key in keys), "the signature does not fit")


def fits(key, value, text):
    try:
        key.verify(value, text)
    except InvalidSignature:
        return False
    return True


def read_keys(path, changes):
    """Return the keys of a file, and those that follow: each was named in a statement that a key before has signed."""
    pems = re.findall(b"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", Path(path).read_bytes(), re.DOTALL)
    keys = [load_pem_public_key(pem) for pem in pems]
    demand(keys, "there is no public key in the file")
    demand(all(isinstance(key, Ed25519PublicKey) for key in keys), "the key is not of the kind Ed25519")
    for change in changes:
        demand(change["format"] == "rightsdesk-key/1", "this is not the statement of a key")
        demand_parts(change, "format at before key public signature")
        check_signature(unsigned(change), change["signature"], keys)
        keys.append(Ed25519PublicKey.from_public_bytes(base64.b64decode(change["public"], validate=True)))
    return keys


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def root_by(leaf, index, size, path):
    """Return the root that an audit path leads to (RFC 6962, section 2.1.1)."""
    demand(type(index) is int and type(size) is int, "the proof does not fit its tree")
    demand(0 <= index < size and (size == 1) == (not path), "the proof does not fit its tree")
    if size == 1:
        return leaf
    half = 1 << ((size - 1).bit_length() - 1)  # the largest power of two below the size
    if index < half:
        return hashlib.sha256(b"\x01" + root_by(leaf, index, half, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\x01" + path[-1] + root_by(leaf, index - half, size - half, path[:-1])).digest()


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=once)


def once(pairs):
    """Refuse an object in which a key stands twice: it would have two readings."""
    demand(len(dict(pairs)) == len(pairs), "a key stands twice")
    return dict(pairs)


def from_hex(text):
    """Return a hash, which has one form."""
    demand(bytes.fromhex(text).hex() == text and len(text) == 64, "a hash is not written as hashes are")
    return bytes.fromhex(text)


def demand_parts(part, names):
    demand(set(part) == set(names.split()), "it has parts that do not belong there")


def demand(true, otherwise):
    if not true:
        raise SystemExit(f"NOT VALID: {otherwise}")


if __name__ == "__main__":
    main()
