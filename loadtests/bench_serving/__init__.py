"""What Ray Serve costs around a vLLM engine, and what each of its knobs buys: `make bench-serving`."""
