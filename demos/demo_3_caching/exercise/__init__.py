"""Demo 3, your version: app.py is the stack, cache.py what you write, HINTS.md helps."""
