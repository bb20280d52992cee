"""The replay ledger, restored systems, and which index keys a store has seen."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant, Serial

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _restores()
    _erasures()
    op.create_table(
        "index_keys",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("since", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )


def _restores() -> None:
    op.create_table(
        "restores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.Column("marked_at", Instant(timezone=True), nullable=False),
        sa.Column("replayed_at", Instant(timezone=True), nullable=True),
        sa.Column("lifted_at", Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    stands = sa.text("lifted_at IS NULL")
    op.create_index("restores_open", "restores", ["system"], unique=True, sqlite_where=stands, postgresql_where=stands)


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", Serial, nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("erased_at", Instant(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("returned", sa.Boolean(), nullable=False),
        sa.Column("look_at", Instant(timezone=True), nullable=True),
        sa.Column("expires_at", Instant(timezone=True), nullable=False),
        sa.Column("restore_id", sa.Uuid(), nullable=True),
        sa.Column("again_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.ForeignKeyConstraint(["restore_id"], ["restores.id"]),
        sa.ForeignKeyConstraint(["again_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("erasures_once", "erasures", ["ticket_id", "system"], unique=True)
    op.create_index("erasures_since", "erasures", ["system", "erased_at"])
    for name, column in (("look", "look_at"), ("end", "expires_at"), ("again", "again_id")):
        op.create_index(f"erasures_{name}", "erasures", [column])


def downgrade() -> None:
    for table in ("index_keys", "erasures", "restores"):
        op.drop_table(table)
