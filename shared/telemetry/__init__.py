"""Metrics and traces of the running service: how they are recorded, kept and exported."""
