"""Demo 5: metrics, traces, alerts, and a service that watches itself."""
