"""Demo 1, your version: app.py is the stack, guards.py what you write, HINTS.md helps."""
