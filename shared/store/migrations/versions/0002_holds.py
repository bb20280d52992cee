"""Legal holds."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("placed_at", Instant(timezone=True), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("renewed_at", Instant(timezone=True), nullable=True),
        sa.Column("renewed_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", Instant(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("asked_on", sa.Date(), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("holds_client", "holds", ["client", "lifted_at"])
    op.create_table(
        "hold_persons",
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"]),
        sa.PrimaryKeyConstraint("hold_id", "digest"),
    )
    op.create_index("hold_persons_digest", "hold_persons", ["digest"])
    op.create_table(
        "hold_keeps",
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"]),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("hold_id", "ticket_id", "system"),
    )
    op.create_index("hold_keeps_ticket", "hold_keeps", ["ticket_id"])


def downgrade() -> None:
    op.drop_table("hold_keeps")
    op.drop_table("hold_persons")
    op.drop_table("holds")
