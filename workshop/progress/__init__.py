"""A path with an end: what is done, what comes next, and help on the way. `make start`, `progress`, `hint-N`, `diff-N`.

`labs.py` has the demos and their minutes. `tasks.py` reads from each exercise's HINTS.md what there is to write.
`record.py` keeps what passed and which hints were given; the grader writes to it through `after_grading.py`.
`standing.py` compares the two, and `pages.py` puts it into words; `snapshot.py` writes the same for the playground.
`compare.py` shows a solution beside one's own, and `set_aside.py` begins an exercise again, as `given.py` has it from
git.

All of it needs nothing installed: standard library only.
"""
