"""Demo 5: what its checks are, and what they must catch."""
