"""Demo 5: tests of its graded checks, services that are wrong on purpose, and a test that runs the lab as written."""
