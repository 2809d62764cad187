"""Demo 2: who may call, and how often."""
