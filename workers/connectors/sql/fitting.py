"""The data map and the database brought together: tables read, primary keys and composite references completed."""

import dataclasses

import sqlalchemy as sa

from shared.datamap import DataMap, Edge
from shared.domain.errors import Final
from workers.connectors.sql.conditions import conditioned
from workers.connectors.sql.database import Database
from workers.connectors.sql.graph import Graph


def fitted(datamap: DataMap, database: Database) -> DataMap:
    """Read the mapped tables; return the map with what only the database knows. A Final says what is not there."""
    schemas = {one.schema for one in datamap.collections.values()}
    for schema in sorted(schemas, key=lambda one: one or ""):
        _read(datamap, database, schema)
    graph = Graph(datamap)
    for name in datamap.collections:
        columns = database.table(name).c
        if missing := [field for field in graph.fields(name) if field not in columns]:
            fields = ", ".join(f"{name}.{field}" for field in missing)
            raise Final(f"the data map has {fields}; the database has no such column")
    return conditioned(_joined(_keyed(datamap, database), database), database)


def _read(datamap: DataMap, database: Database, schema: str | None) -> None:
    mapped = [name for name, one in datamap.collections.items() if one.schema == schema]
    tables = database.names(schema)
    views = database.views(schema).keys() & set(mapped) if set(mapped) - set(tables) else set()
    if lost := sorted(set(mapped) - set(tables) - views):
        where = f"its schema {schema}" if schema else "the database"
        raise Final(f"the data map has {', '.join(lost)}; {where} has no such table")
    database.reflect(mapped, schema)
    database.mapped_views = database.mapped_views - set(mapped) | views


def _keyed(datamap: DataMap, database: Database) -> DataMap:
    """Take the primary key from the database where the map names none."""
    collections = dict(datamap.collections)
    for name, one in collections.items():
        if not one.primary_key:
            key = tuple(column.name for column in database.table(name).primary_key)
            if not key:
                raise Final(
                    f"{name} has no primary key in the database; mark its fields that tell rows apart with"
                    " fides_meta.primary_key: true"
                )
            collections[name] = dataclasses.replace(one, primary_key=key)
    return dataclasses.replace(datamap, collections=collections)


def _joined(datamap: DataMap, database: Database) -> DataMap:
    """Make one edge of those that are one composite foreign key in the database."""
    edges = list(datamap.edges)
    for name in datamap.collections:
        for constraint in database.table(name).foreign_key_constraints:
            if len(constraint.elements) > 1:
                _join(edges, name, constraint)
    return dataclasses.replace(datamap, edges=tuple(dict.fromkeys(edges)))


def _join(edges: list[Edge], child: str, constraint: sa.ForeignKeyConstraint) -> None:
    pairs = [(one.parent.name, one.target_fullname.split(".")[-1]) for one in constraint.elements]
    parent = constraint.elements[0].target_fullname.split(".")[-2]
    downs = [one for one in edges if (one.source, one.target) == (parent, child) and not one.also]
    ups = [one for one in edges if (one.source, one.target) == (child, parent) and not one.also]
    for found, ends in ((downs, [(there, here) for here, there in pairs]), (ups, pairs)):
        by_ends = {(one.source_field, one.target_field): one for one in found}
        if set(ends) <= by_ends.keys():
            for one in ends:
                edges.remove(by_ends[one])
            edges.append(dataclasses.replace(by_ends[ends[0]], also=tuple(ends[1:])))
