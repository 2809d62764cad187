"""The class board: a live page of how far everybody is, and of the check that most of the room is stuck at.

On the teacher's machine, `make board`: `__main__.py` starts it and prints its address (`address.py`). `update.py` is
what an attendee may send; `catalogue.py` compares it with the grader's own checks; `store.py` keeps it in SQLite.
`room.py` turns all of it into what the page (`web/`) shows, and `live.py` sends that to every browser. `buckets.py`
limits each client, `grading.py` grades an attendee's running service, and `app.py` has the routes.

On an attendee's machine: `client.py` sends a grading, `identity.py` keeps an attendee's id and name, and `attend.py`
has the commands. Without BOARD_URL nothing is sent.
"""
