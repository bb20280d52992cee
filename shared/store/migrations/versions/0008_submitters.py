"""The keys of those who may submit tickets."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "submitter_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", Instant(timezone=True), nullable=False),
        sa.Column("valid_until", Instant(timezone=True), nullable=True),
        sa.Column("added_at", Instant(timezone=True), nullable=False),
        sa.Column("revoked_at", Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kid", "client"),
    )


def downgrade() -> None:
    op.drop_table("submitter_keys")
