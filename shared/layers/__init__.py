"""The layers, one concern per file. A demo's app.py lists the layers that it stacks, in order."""
