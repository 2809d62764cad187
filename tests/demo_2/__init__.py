"""Demo 2: tests of its graded checks, services that are wrong on purpose, and a test that runs the lab as written."""
