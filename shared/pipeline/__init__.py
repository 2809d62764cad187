"""The core idea: a call, its reply and its outcome, and layers stacked around a model. Nothing else."""
