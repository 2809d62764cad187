"""The deployment on Kubernetes: manifests, the generated parts in them, and what a Ray pod does when it ends."""
