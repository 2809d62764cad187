"""Connections to what keeps data, SQL and Redis, which may be lost: a call then hears so soon, and no more."""
