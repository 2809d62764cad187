"""Callers and their usage: tokens, the authentication of a call, prices, usage and budgets, in an SQL database."""
