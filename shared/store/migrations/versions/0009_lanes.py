"""The lanes in which steps wait for their turn: a system's, or a client's for one kind of work of the desk."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("steps", sa.Column("lane", sa.Text(), nullable=False, server_default=""))
    table = sa.table("steps", *map(sa.column, ("ticket_id", "system", "verb", "state", "lane")))
    steps = table.c
    tickets = sa.table("tickets", *map(sa.column, ("id", "client"))).c
    client = sa.select(tickets.client).where(tickets.id == steps.ticket_id).scalar_subquery()
    desk = sa.literal("desk:", sa.Text()) + client + sa.literal(":", sa.Text()) + steps.verb
    lane = sa.case((steps.system == "desk", desk), else_=steps.system)
    # what is over waits for nothing any more
    op.execute(sa.update(table).where(steps.state.not_in(("done", "waived"))).values(lane=lane))
    op.drop_index("steps_next", "steps")
    op.create_index("steps_next", "steps", ["lane", "state", "priority", "due_at", "id"])


def downgrade() -> None:
    op.drop_index("steps_next", "steps")
    op.create_index("steps_next", "steps", ["system", "state", "priority", "due_at", "id"])
    with op.batch_alter_table("steps") as table:
        table.drop_column("lane")
