"""The fire drills, each run for real: who is called, and what the answers are worth."""
