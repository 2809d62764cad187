"""The monitoring of the service: Prometheus' configuration and rules, Grafana's dashboards, and runbooks for alerts.

Knows the metrics' names, and nothing of the code that counts them.
"""
