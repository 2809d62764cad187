"""Demo 2, your version: app.py is the stack, gatekeeper.py what you write, HINTS.md helps."""
