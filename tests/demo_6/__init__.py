"""Demo 6, graded."""
