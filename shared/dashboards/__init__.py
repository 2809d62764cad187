"""The data behind the playground's dashboards, read from Prometheus and from a trace receiver."""
