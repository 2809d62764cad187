"""Fire drills: demo 5 with something broken in it, users who complain, and questions that its metrics answer.

`make drill-slow` starts one; `make drill-answer`, in another terminal, asks what was wrong. `drill.py` says what a
drill is, and `catalogue.py` lists them all.
"""
