"""What a database says when it refuses, told apart without any value: what may pass, and what has to be mended."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from shared.domain.errors import Final

NOT_NULL, UNIQUE, CHECK = "a NOT NULL constraint", "a unique constraint", "a check constraint"
REFERENCED, TRIGGER, PERMISSION = "a foreign key constraint", "a trigger or rule", "no permission"
TOO_SHORT, GENERATED = "the column is too short", "a generated column"
MISFIT = "the value does not fit the column's type"

_SQLSTATES = {
    "23502": NOT_NULL, "23505": UNIQUE, "23P01": UNIQUE, "23514": CHECK, "23503": REFERENCED, "23001": REFERENCED,
    "42501": PERMISSION, "25006": PERMISSION, "428C9": GENERATED, "22001": TOO_SHORT, "P0001": TRIGGER,
    "42804": MISFIT, "44000": CHECK,
}  # fmt: skip
_MYSQL = {
    1048: NOT_NULL, 1364: NOT_NULL, 1062: UNIQUE, 1586: UNIQUE, 3819: CHECK, 4025: CHECK, 1451: REFERENCED,
    1452: REFERENCED, 1142: PERMISSION, 1143: PERMISSION, 1044: PERMISSION, 1227: PERMISSION, 1290: PERMISSION,
    1644: TRIGGER, 1442: TRIGGER, 1406: TOO_SHORT, 1264: MISFIT, 1265: MISFIT, 1292: MISFIT, 1366: MISFIT,
    1906: GENERATED, 3105: GENERATED,
}  # fmt: skip
_SQLITE = {1299: NOT_NULL, 2067: UNIQUE, 1555: UNIQUE, 2579: UNIQUE, 275: CHECK, 787: REFERENCED, 1811: TRIGGER,
           3091: MISFIT, 20: MISFIT, 18: TOO_SHORT, 8: PERMISSION, 23: PERMISSION}  # fmt: skip
_SQLITE_PASSING = {5, 6, 10, 13, 14}  # SQLITE_BUSY, LOCKED, IOERR, FULL, CANTOPEN
# too many connections, shutting down, lock wait, deadlock, not reachable, gone, disk full
_MYSQL_PASSING = {0, 1040, 1053, 1203, 1205, 1213, 1021, 2002, 2003, 2006, 2013, 2014, 2055, 1927, 1317, 1020}
_PASSING_CLASSES = ("08", "40", "53", "55", "57", "58")  # of SQLSTATE: connection, rollback, resources, not now


class Refused(Final):
    """The database refused, and will again; `why` is the kind of obstacle."""

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message)
        self.why = why


def passing(error: DBAPIError) -> bool:
    """Say whether the same statement may succeed later."""
    if error.connection_invalidated:
        return True
    lite, my, state = _codes(error)
    if lite is not None:
        return lite & 0xFF in _SQLITE_PASSING
    if my is not None:
        return my in _MYSQL_PASSING
    if state is not None:
        return state.startswith(_PASSING_CLASSES)
    return isinstance(error, OperationalError | InterfaceError)


def obstacle(error: DBAPIError) -> str:
    """Return the kind of obstacle; the database's own text carries values."""
    other = f"the database refused ({type(error).__name__})"
    lite, my, state = _codes(error)
    if lite is not None:
        return _SQLITE.get(lite) or _SQLITE.get(lite & 0xFF) or other
    if my is not None:
        return _MYSQL.get(my, other)
    return _SQLSTATES.get(state or "") or (MISFIT if (state or "").startswith("22") else other)


def _codes(error: DBAPIError) -> tuple[int | None, int | None, str | None]:
    """Return the codes of SQLite, of MySQL and of the SQL standard, as far as the driver gives one."""
    original = error.orig
    first = original.args[0] if original is not None and original.args else None
    my = first if isinstance(first, int) else None
    return getattr(original, "sqlite_errorcode", None), my, getattr(original, "sqlstate", None)
