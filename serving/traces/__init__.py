"""A small OTLP/HTTP receiver that keeps the latest traces, for a laptop: no collector, no store, no account."""
