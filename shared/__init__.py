"""The core library that the six demos share: a pipeline of layers around an upstream model.

It imports no demo and nothing from `serving`: the gateway reaches the model over HTTP only.
"""

__version__ = "1.0.0"
SERVICE_NAME = "llm-service"
