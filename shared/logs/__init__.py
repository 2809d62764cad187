"""The log: lines of JSON for machines, lines of text for people, and where an exception came from."""
