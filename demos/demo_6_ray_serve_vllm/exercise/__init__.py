"""Demo 6, your version: deployment.py is the deployment, serve.yaml sets its number of replicas, HINTS.md helps."""
