"""The logs: JSON lines for machines, text lines for people, and the line of code that an exception came from."""
