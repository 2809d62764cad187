"""The trace receiver: input from OpenTelemetry's own exporter, other valid input, and hostile input."""
