"""How a process watches its own memory: how much it uses, how close that is to the limit, and whether it leaks."""
