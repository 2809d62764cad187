"""The six demos, one package each: app.py is the stack, README.md the lab, exercise/ what the attendee rewrites."""
