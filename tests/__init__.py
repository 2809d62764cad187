"""The tests: unit tests of the core, and for each demo the tests of its lab, its exercise and its graded checks."""
