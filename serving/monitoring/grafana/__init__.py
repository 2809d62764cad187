"""Four Grafana dashboards, written in Python and kept as JSON in dashboards/: a module each, see __main__.py."""
