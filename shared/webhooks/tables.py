"""The tables: accepted webhooks, and the alerts that they reported. Times are seconds since 1970."""

from sqlalchemy import Column, Double, String, Table

from shared.stores.tables import metadata

NAME, SEVERITY, SUMMARY = 200, 50, 500  # characters kept of the senders' texts

taken = Table(
    "webhooks",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("expires", Double, nullable=False, index=True),
)

alerts = Table(
    "alerts",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("name", String(NAME), nullable=False),
    Column("severity", String(SEVERITY), nullable=False),
    Column("status", String(16), nullable=False),
    Column("summary", String(SUMMARY), nullable=False),
    Column("starts", Double, nullable=False),
    Column("ends", Double),
    Column("updated", Double, nullable=False),
    Column("expires", Double, nullable=False),
)
