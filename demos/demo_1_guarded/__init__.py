"""Demo 1: one guarded endpoint."""
