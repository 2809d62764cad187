"""Demo 3, your version: app.py has the stack, you write cache.py, HINTS.md helps."""
