"""The deployment on Kubernetes: manifests, what is put into them from elsewhere, and what a pod of Ray does at its end."""
