"""Timers, alerts, and how alerts were delivered."""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant, Serial

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _timers()
    _alerts()
    _deliveries()


def _timers() -> None:
    op.create_table(
        "timers",
        sa.Column("id", Serial, nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(timezone=True), nullable=False),
        sa.Column("fired_at", Instant(timezone=True), nullable=True),
        sa.Column("resting", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("timers_once", "timers", ["ticket_id", "clock", "milestone"], unique=True)
    runs = sa.and_(sa.column("fired_at").is_(None), ~sa.column("resting", sa.Boolean))
    op.create_index("timers_due", "timers", ["due_at"], sqlite_where=runs, postgresql_where=runs)


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=True),
        sa.Column("clock", sa.Text(), nullable=True),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("right", sa.Text(), nullable=True),
        sa.Column("system", sa.Text(), nullable=True),
        sa.Column("due_at", Instant(timezone=True), nullable=True),
        sa.Column("raised_at", Instant(timezone=True), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("dedup", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_at", Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alerts_ticket", "alerts", ["ticket_id"])
    stands, calls = sa.text("state != 'over'"), sa.text("state = 'open' AND next_at IS NOT NULL")
    op.create_index("alerts_once", "alerts", ["dedup"], unique=True, sqlite_where=stands, postgresql_where=stands)
    op.create_index("alerts_next", "alerts", ["next_at"], sqlite_where=calls, postgresql_where=calls)


def _deliveries() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("id", Serial, nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alert_deliveries_of", "alert_deliveries", ["alert_id"])
    op.create_index("alert_deliveries_batch", "alert_deliveries", ["batch"])


def downgrade() -> None:
    for table in ("alert_deliveries", "alerts", "timers"):
        op.drop_table(table)
