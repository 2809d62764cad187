"""A small OTLP/HTTP receiver that keeps the last traces, for a laptop: no collector, no store, no account."""
