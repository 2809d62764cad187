"""Demo 4: tests of its graded checks, the solved exercise, and services that are wrong on purpose."""
