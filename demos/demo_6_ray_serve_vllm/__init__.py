"""Demo 6: the gateway in front of vLLM under Ray Serve."""
