"""What travels through a service, and how layers are stacked around a model: the idea, and nothing else."""
