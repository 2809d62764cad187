"""A process that watches its own memory: how much it has, how near to the end that is, and whether it leaks."""
