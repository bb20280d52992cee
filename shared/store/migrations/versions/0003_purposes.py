"""A purpose has one spelling: what was stored with capital letters was never found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_SUPPRESSIONS = sa.table(
    "suppressions", sa.column("id", sa.Integer), sa.column("purpose", sa.Text), sa.column("exempt", sa.JSON)
)
_CONSENTS = sa.table("consents", sa.column("id", sa.Integer), sa.column("purpose", sa.Text))


def upgrade() -> None:
    for table in (_SUPPRESSIONS, _CONSENTS):
        op.execute(sa.update(table).values(purpose=sa.func.lower(table.c.purpose)))  # purposes are ASCII
    connection, c = op.get_bind(), _SUPPRESSIONS.c
    for row in connection.execute(sa.select(c.id, c.exempt)).all():
        lower = [one.casefold() for one in row.exempt or ()]
        if lower != (row.exempt or []):
            connection.execute(sa.update(_SUPPRESSIONS).where(c.id == row.id).values(exempt=lower))


def downgrade() -> None:
    """Leave it: how each was written before is not known, and either schema reads it."""
