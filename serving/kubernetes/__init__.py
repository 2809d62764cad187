"""The deployment on Kubernetes: manifests, the command that generates parts of them, and the preStop of Ray pods."""
