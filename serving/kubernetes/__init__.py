"""The deployment on Kubernetes: manifests, what is put into them, and what a pod of Ray does at its end."""
