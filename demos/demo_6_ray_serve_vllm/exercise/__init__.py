"""Demo 6, your version: deployment.py is the deployment, serve.yaml how many of it there are, HINTS.md helps."""
