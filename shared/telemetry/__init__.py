"""What a service says of itself while it runs: metrics and traces."""
