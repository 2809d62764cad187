"""Demo 6: tests of its graded checks and of the real cluster, and deployments that are wrong on purpose."""
