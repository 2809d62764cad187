"""The fire drills, each run for real: which alerts fire, and how answers are scored."""
