"""Answers kept for the next equal request: where (memory, Redis), under which key, for how long, and counted how."""
