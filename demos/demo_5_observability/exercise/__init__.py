"""Demo 5, your version: app.py is the stack; write first_token.py, cost_alert.yml, business.yml. HINTS.md helps."""
