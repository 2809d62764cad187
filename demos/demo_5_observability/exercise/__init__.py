"""Demo 5, your version: app.py is the stack, first_token.py and cost_alert.yml what you write, HINTS.md helps."""
