"""Evidence that stands without us: hash chains, Merkle checkpoints, signed certificates, commitments. Pure."""

from shared.evidence.certificate import certificate_digest, sign, verify, with_proof
from shared.evidence.chain import GENESIS, Entry, canonical, first_broken, link
from shared.evidence.checkpoint import (
    certificate_leaf,
    chain_leaf,
    check_checkpoint,
    checkpoint_leaf,
    sign_checkpoint,
)
from shared.evidence.commitment import RecordLeaf, commitment, leaf, record_proof, verify_record
from shared.evidence.merkle import leaf_hash, path_of, root_by, root_of
from shared.evidence.signature import Keys, key_id
from shared.evidence.succession import all_keys, statement_digest, succeed, succession_leaf, successor

__all__ = [
    "GENESIS", "Entry", "Keys", "RecordLeaf", "all_keys", "canonical", "certificate_digest", "certificate_leaf",
    "chain_leaf", "check_checkpoint", "checkpoint_leaf", "commitment", "first_broken", "key_id", "leaf", "leaf_hash",
    "link", "path_of", "record_proof", "root_by", "root_of", "sign", "sign_checkpoint", "statement_digest", "succeed",
    "succession_leaf", "successor", "verify", "verify_record", "with_proof",
]  # fmt: skip
