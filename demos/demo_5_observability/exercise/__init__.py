"""Demo 5, your version: app.py is the stack, you write first_token.py and cost_alert.yml, and HINTS.md helps."""
