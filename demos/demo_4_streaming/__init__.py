"""Demo 4: streams, and a client that survives its upstream."""
