"""Circuits of systems that are down; how often in a row a step took its worker with it."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "circuits",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", Instant(timezone=True), nullable=False),
        sa.Column("next_at", Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("system"),
    )
    # a default of the database's: workers of the version before add steps meanwhile
    op.add_column("steps", sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("steps", "lost")
    op.drop_table("circuits")
