"""Demo 2, your version: app.py has the stack, you write gatekeeper.py, HINTS.md helps."""
