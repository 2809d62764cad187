"""The tests: unit tests of the core, and for each demo the graded, black-box checks."""
