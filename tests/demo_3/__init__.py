"""Demo 3: its graded checks, the services that are wrong on purpose, and the proof that the lab runs as written."""
