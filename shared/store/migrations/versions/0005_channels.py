"""How each alert channel fares."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "alert_channels",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", Instant(timezone=True), nullable=True),
        sa.Column("busy_until", Instant(timezone=True), nullable=True),
        sa.Column("delivered_at", Instant(timezone=True), nullable=True),
        sa.Column("since", Instant(timezone=True), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("alert_channels")
