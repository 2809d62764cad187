"""Demo 3: pay once for the same answer."""
