"""Demo 4, your version: app.py is the stack, you write breaker.py and streams.py, and HINTS.md helps."""
