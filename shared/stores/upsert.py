"""INSERT … ON CONFLICT DO UPDATE: SQLite and PostgreSQL share the syntax; SQLAlchemy has a version for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Table

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def upsert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    # Only the one that is used is loaded: PostgreSQL's is a tenth of the time that a service needs to start.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
