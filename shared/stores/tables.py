"""The tables: users, their tokens, and what each caller used on each day.

Money is whole millionths of a US dollar, so that sums are exact; times are seconds since 1970; days are UTC.
"""

from sqlalchemy import BigInteger, Column, Date, Double, ForeignKey, LargeBinary, MetaData, String, Table

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("budget_micro_usd", BigInteger),  # per month; null: no limit
    Column("created", Double, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),  # a public name of the token; not secret
    Column("user", ForeignKey(users.c.name), nullable=False, index=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("created", Double, nullable=False),
    Column("revoked", Double),
)

# The primary key starts with the caller, so a month of one caller is one short range of it.
usage = Table(
    "usage",
    metadata,
    Column("caller", String(100), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("tokens_input", BigInteger, nullable=False),
    Column("tokens_output", BigInteger, nullable=False),
    Column("cost_micro_usd", BigInteger, nullable=False),
)
