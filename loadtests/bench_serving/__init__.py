"""What Ray Serve costs around a vLLM engine, and what each of its settings gains: `make bench-serving`."""
