"""The layers, one concern a file. A demo's app.py writes down which of them it stacks, and in which order."""
