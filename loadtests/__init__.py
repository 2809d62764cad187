"""Load scenarios with gates, one a demo, and benchmarks beside peers."""
