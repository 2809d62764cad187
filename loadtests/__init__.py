"""Load scenarios with gates, one per demo, and benchmarks beside peers."""
