"""Demo 6's exercise, solved as the third hints in HINTS.md say: deployment.py, and the numbers in serve.yaml."""
