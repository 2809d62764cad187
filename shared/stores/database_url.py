"""Turns DATABASE_URL, as people write it, into a URL for SQLAlchemy's async drivers.

In: `sqlite:///FILE` or `postgresql://…`, with `sslmode` as libpq spells it. Out: a SQLAlchemy URL, or BadSetting
with one line that never shows the password.
"""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from shared.settings import BadSetting

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+asyncpg"
DRIVERS = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,  # the form that hosting companies use
    POSTGRESQL: POSTGRESQL,
}
POSTGRESQL_OPTIONS = {"host", "port", "ssl", "sslmode", "prepared_statement_cache_size"}
EXPECTED = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


def parse_database_url(text: str) -> URL:
    """The URL for SQLAlchemy. Raises BadSetting if `text` is not usable."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _bad(f"is not a URL; it must be {EXPECTED}") from None
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise _bad(f"{url.drivername}:// is not known here; it must be {EXPECTED}")
    url = url.set(drivername=driver)
    return _checked_file(url) if driver == SQLITE else _with_ssl(url)


def _checked_file(url: URL) -> URL:
    if url.host or not url.database or url.database == ":memory:":
        # Each connection to an in-memory database would get its own, empty one.
        raise _bad("names no file; it must be three slashes and a path: sqlite:///FILE")
    if url.query:
        raise _bad(f"{sorted(url.query)[0]} is not an option here; give only the file: sqlite:///FILE")
    file = Path(url.database)
    if file.is_dir():
        raise _bad(f"{file} is a directory; it must be a file")
    if not file.parent.is_dir():
        raise _bad(f"there is no directory {file.parent}; create it, or name a file elsewhere")
    return url


def _with_ssl(url: URL) -> URL:
    if unknown := sorted(set(url.query) - POSTGRESQL_OPTIONS):
        raise _bad(f"{unknown[0]} is not an option here; these are: {', '.join(sorted(POSTGRESQL_OPTIONS))}")
    query = dict(url.query)
    if "sslmode" in query:  # asyncpg takes the same values under another name
        query["ssl"] = query.pop("sslmode")
    return url.set(query=query)


def _bad(reason: str) -> BadSetting:
    return BadSetting(f"DATABASE_URL: {reason}")
