"""One person with very many rows: rows a second by verb, peak memory, and the ratio to one plain COPY or DELETE.

`ROWS=10000,100000 make bench T=bigsubject` for other sizes. The rows stand in a PostgreSQL with as many again of
other people; a whole access ticket and a whole erasure run, each size in a process of its own.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psycopg
import sqlalchemy as sa

from shared import log
from tests.line import Line, open_line
from tests.servers import postgres_server, valkey_server
from tests.small import ADA, CLIENT, ticket

SIZES = tuple(int(one) for one in os.environ.get("ROWS", "10000,100000,1000000").split(","))
PER_CONVERSATION = 1000
SYSTEM = """
[[systems]]
id = "chat"
client = "acme"
channel = "chat"
connector = "sql"
region = "country:DE"
url = "{url}"
datamap = "map.yaml"
"""
MAP = """
dataset:
  - fides_key: chat
    name: Chat
    collections:
      - name: contacts
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - {name: name, data_categories: [user.name]}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
      - name: conversations
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - name: contact_id
            fides_meta: {references: [{dataset: chat, field: contacts.id, direction: from}]}
      - name: messages
        rightsdesk: {author: {field: sender_id, to: contacts.id, when: {sender_type: Contact}}}
        fields:
          - {name: id, fides_meta: {primary_key: true}}
          - name: conversation_id
            fides_meta: {references: [{dataset: chat, field: conversations.id, direction: from}]}
          - {name: sender_type}
          - {name: sender_id}
          - {name: content, data_categories: [user.content], rightsdesk: {free_text: true}}
"""
SCHEMA = """
CREATE TABLE contacts (id bigint PRIMARY KEY, name text, email text);
CREATE TABLE conversations (id bigint PRIMARY KEY, contact_id bigint REFERENCES contacts);
CREATE TABLE messages (id bigint PRIMARY KEY, conversation_id bigint REFERENCES conversations,
                       sender_type text, sender_id bigint, content text);
CREATE INDEX ON conversations (contact_id);
CREATE INDEX ON messages (conversation_id);
INSERT INTO contacts VALUES (1, 'Ada Example', '{ada}'), (2, 'Bob Other', 'bob@example.org');
INSERT INTO conversations SELECT n, 1 + n % 2 FROM generate_series(1, {conversations} * 2) n;
INSERT INTO messages
    SELECT n, 1 + n % ({conversations} * 2), CASE WHEN n % 4 < 2 THEN 'Contact' ELSE 'User' END,
           1 + (1 + n % ({conversations} * 2)) % 2, 'Message ' || n || ' about an order that has not arrived yet'
    FROM generate_series(1, {rows} * 2) n;
ANALYZE;
CREATE TABLE plain AS SELECT * FROM messages;
ALTER TABLE plain ADD PRIMARY KEY (id);
CREATE INDEX ON plain (conversation_id);
ANALYZE plain;
"""
HERS = "conversation_id IN (SELECT id FROM conversations WHERE contact_id = 1)"


def main() -> None:
    """Print a table: a line for each size and verb."""
    with postgres_server() as postgres, valkey_server() as broker:
        for rows in SIZES:
            with postgres.database() as system, postgres.database() as ours:
                _seed(system, rows)
                copied, deleted = _plain(system)
                command = [sys.executable, "-m", __name__, system, ours, broker, str(rows), str(copied), str(deleted)]
                subprocess.run(command, check=True)


def _connect(url: str) -> psycopg.Connection:
    parsed = sa.make_url(url)
    return psycopg.connect(
        host=str(parsed.query["host"]), user=parsed.username, dbname=parsed.database, autocommit=True
    )


def _seed(url: str, rows: int) -> None:
    with _connect(url) as connection:
        conversations = max(1, rows // PER_CONVERSATION)
        connection.execute(SCHEMA.format(ada=ADA, rows=rows, conversations=conversations))


def _plain(url: str) -> tuple[float, float]:
    """Return how long one COPY of her rows to a file and one DELETE of them take."""
    with _connect(url) as connection, tempfile.TemporaryFile() as file:
        began = time.perf_counter()
        with connection.cursor().copy(f"COPY (SELECT * FROM plain WHERE {HERS}) TO STDOUT") as copy:
            for chunk in copy:
                file.write(chunk)
        copied = time.perf_counter() - began
        began = time.perf_counter()
        connection.execute(f"DELETE FROM plain WHERE {HERS}")
        deleted = time.perf_counter() - began
        connection.execute("DROP TABLE plain")
    return copied, deleted


def _walk(system: str, ours: str, broker: str, rows: int, copied: float, deleted: float) -> None:
    log.configure("bench", level=40)
    with tempfile.TemporaryDirectory(prefix="rd-bench-") as name:
        folder = Path(name)
        (folder / "systems.toml").write_text(CLIENT + SYSTEM.format(url=system))
        (folder / "map.yaml").write_text(MAP)
        line = open_line(folder / "home", folder / "systems.toml", broker=broker, database=ours)
        idle = _peak()
        for right in ("access", "erasure"):
            seconds = _work(line, right)
            for verb in ("locate", "export", "delete", "absent"):
                if verb in seconds:
                    plain, what = (copied, "COPY") if verb in ("locate", "export") else (deleted, "DELETE")
                    print(
                        f"{rows:>9} rows, {right} {verb:<7} {rows / seconds[verb]:>9,.0f} rows/s, "
                        f"{seconds[verb] / plain:>6.1f} times one plain {what}"
                    )
        line.close()
        print(f"{rows:>9} rows, peak memory {_peak():.0f} MB ({idle:.0f} MB before the first ticket)", flush=True)


def _work(line: Line, right: str) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    ident = line.submit(ticket(right))
    while line.nudges:
        nudge = line.nudges.pop(0)
        began = time.perf_counter()
        line.performer.perform(nudge.id)
        seconds[nudge.verb] += time.perf_counter() - began
    ended = line.ticket(ident)
    if ended["outcome"] != "fulfilled":
        raise SystemExit(f"the {right} is {ended['state']}: {[step['error'] for step in ended['steps']]}")
    return seconds


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    system, ours, broker, rows, copied, deleted = sys.argv[1:]
    _walk(system, ours, broker, int(rows), float(copied), float(deleted))
