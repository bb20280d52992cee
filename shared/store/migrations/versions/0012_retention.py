"""When a ticket's package and its key were destroyed; on which other ticket's acts it rests."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("tickets", sa.Column("rests_on", sa.Uuid(), nullable=True))
    op.add_column("tickets", sa.Column("package_ended_at", Instant(timezone=True), nullable=True))
    op.add_column("tickets", sa.Column("destroyed_at", Instant(timezone=True), nullable=True))
    for name, column in (("kept", "destroyed_at"), ("packages", "package_ended_at")):
        kept, by = sa.text(f"closed_at IS NOT NULL AND {column} IS NULL"), ["client", "closed_at", "id"]
        op.create_index(f"tickets_{name}", "tickets", by, sqlite_where=kept, postgresql_where=kept)
    rests = sa.text("rests_on IS NOT NULL")
    op.create_index("tickets_rests", "tickets", ["rests_on"], sqlite_where=rests, postgresql_where=rests)


def downgrade() -> None:
    op.drop_index("tickets_rests", "tickets")
    op.drop_index("tickets_packages", "tickets")
    op.drop_index("tickets_kept", "tickets")
    for name in ("destroyed_at", "package_ended_at", "rests_on"):
        op.drop_column("tickets", name)
