"""A grade worth showing: one's grades as a page and a badge, which the workshop's host can sign.

`payload.py` is what a report says. `own.py` makes it from what the grader recorded here, and `host.py` by grading an
attendee's exercises on the host's machine. `keys.py` signs, `page.py` renders, and `verify.py` says of a page or badge
whether it is what the host has signed.
"""
