"""The workshop's decks, as Markdown, and the program that builds them from the tested sources."""
