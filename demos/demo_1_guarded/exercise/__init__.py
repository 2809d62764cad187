"""Demo 1, your version: app.py has the stack, you write guards.py, HINTS.md helps."""
