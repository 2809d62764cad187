"""What watches the service: Prometheus' configuration and rules, Grafana's dashboards, and what to do when they call.

Knows the metrics' names, and nothing of the code that counts them.
"""
