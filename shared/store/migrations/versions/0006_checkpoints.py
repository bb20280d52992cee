"""Checkpoints, their leaves, what they have to cover yet, and what was published.

The entries are marked by a trigger: whoever adds one, a checkpoint will cover it. Whoever rebuilds the table
`evidence` on SQLite (a batch migration) has to make its trigger anew.
"""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant, Serial

revision = "0006"
down_revision = "0005"

_MARK = "INSERT INTO uncovered (ticket_id, seq) VALUES (NEW.ticket_id, NEW.seq);"
_POSTGRESQL = (
    f"CREATE FUNCTION evidence_uncovered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_MARK} RETURN NULL; END $$",
    "CREATE TRIGGER evidence_uncovered AFTER INSERT ON evidence FOR EACH ROW EXECUTE FUNCTION evidence_uncovered()",
)
_SQLITE = (f"CREATE TRIGGER evidence_uncovered AFTER INSERT ON evidence BEGIN {_MARK} END",)


def upgrade() -> None:
    _tables()
    for statement in _POSTGRESQL if _on_postgresql() else _SQLITE:
        op.execute(statement)
    # what stands there already is covered by the next checkpoints
    op.execute("INSERT INTO uncovered (ticket_id, seq) SELECT ticket_id, max(seq) FROM evidence GROUP BY ticket_id")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _tables() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "checkpoint_leaves",
        sa.Column("checkpoint", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["checkpoint"], ["checkpoints.number"]),
        sa.PrimaryKeyConstraint("checkpoint", "place"),
    )
    op.create_index("checkpoint_leaves_of", "checkpoint_leaves", ["ticket_id", "seq"], unique=True)
    op.create_table(
        "uncovered",
        sa.Column("id", Serial, nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "publications",
        sa.Column("checkpoint", sa.Integer(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["checkpoint"], ["checkpoints.number"]),
        sa.PrimaryKeyConstraint("checkpoint"),
    )


def downgrade() -> None:
    if _on_postgresql():
        op.execute("DROP TRIGGER evidence_uncovered ON evidence")
        op.execute("DROP FUNCTION evidence_uncovered()")
    else:
        op.execute("DROP TRIGGER evidence_uncovered")
    for table in ("publications", "uncovered", "checkpoint_leaves", "checkpoints"):
        op.drop_table(table)
