"""The core library that the six demos share: a pipeline of layers around an upstream model.

Imports no demo and nothing of `serving`: HTTP stands between the gateway and the model.
"""

__version__ = "1.0.0"
SERVICE_NAME = "llm-service"
