"""The trace receiver: what OpenTelemetry's own exporter sends, what the protocol asks for, and what no one should."""
