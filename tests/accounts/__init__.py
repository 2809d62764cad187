"""Accounts, on real SQLite files and on a real PostgreSQL where one is installed."""
