"""INSERT … ON CONFLICT DO UPDATE: SQLite and PostgreSQL share the syntax; SQLAlchemy has a version for each."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
