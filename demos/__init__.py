"""The six demos, one package each: app.py has the stack, README.md the lab, exercise/ the code to write."""
