"""Four Grafana dashboards, written in Python and kept as JSON in dashboards/: one module each, see __main__.py."""
