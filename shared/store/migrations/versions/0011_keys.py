"""Master keys that are used no more, and the succession of signing keys.

What a retired master key has sealed is refused by triggers: a process that has not heard of the rotation fails, and
writes nothing that could not be opened again. Whoever rebuilds one of the tables on SQLite (a batch migration) has to
make its trigger anew.
"""

import sqlalchemy as sa
from alembic import op

from shared.store.tables import Instant

revision = "0011"
down_revision = "0010"

_SEALED = {"tickets": "wrapped_key", "holds": "wrapped_key", "dead_letters": "entry"}
_RETIRED = "EXISTS (SELECT 1 FROM retired_keys WHERE label = substr(NEW.{column}, 1, 8))"
_REFUSAL = "sealed by a retired master key"


def upgrade() -> None:
    op.create_table(
        "retired_keys",
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("label"),
    )
    op.create_table(
        "key_changes",
        sa.Column("checkpoint", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("statement", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["checkpoint"], ["checkpoints.number"]),
        sa.PrimaryKeyConstraint("checkpoint"),
    )
    for table, column in _SEALED.items():
        for statement in (_postgresql if _on_postgresql() else _sqlite)(table, column):
            op.execute(statement)


def _postgresql(table: str, column: str) -> tuple[str, ...]:
    name, retired = f"{table}_retired", _RETIRED.format(column=column)
    body = f"BEGIN IF {retired} THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN NEW; END"
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        f"CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {column} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )


def _sqlite(table: str, column: str) -> tuple[str, ...]:
    body = f"WHEN {_RETIRED.format(column=column)} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    return (
        f"CREATE TRIGGER {table}_retired BEFORE INSERT ON {table} {body}",
        f"CREATE TRIGGER {table}_retired_later BEFORE UPDATE OF {column} ON {table} {body}",
    )


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def downgrade() -> None:
    for table in _SEALED:
        if _on_postgresql():
            op.execute(f"DROP TRIGGER {table}_retired ON {table}")
            op.execute(f"DROP FUNCTION {table}_retired()")
        else:
            op.execute(f"DROP TRIGGER {table}_retired")
            op.execute(f"DROP TRIGGER {table}_retired_later")
    op.drop_table("key_changes")
    op.drop_table("retired_keys")
