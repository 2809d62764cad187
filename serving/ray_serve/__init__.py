"""The vLLM deployment behind demo 6: Ray Serve applications, their config files, and a one-machine cluster to run them.

Runs in the serving environment (serving/requirements-*.txt), where Ray and vLLM are. Nothing outside imports it, and it
imports nothing of the gateway: only HTTP connects them.
"""
