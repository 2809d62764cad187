"""Demo 4, graded: checks over HTTP, the exercise solved, and services that are wrong on purpose."""
