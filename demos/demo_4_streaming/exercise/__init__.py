"""Demo 4, your version: app.py is the stack, breaker.py and streams.py what you write, HINTS.md helps."""
