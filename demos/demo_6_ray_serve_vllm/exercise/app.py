"""Demo 6, your version: the gateway as it is. You write what stands behind it: deployment.py and serve.yaml.

`make demo-6 SOLUTION=exercise` deploys it, with this gateway in front; `make grade-6 SOLUTION=exercise` grades it.
"""

from demos.demo_6_ray_serve_vllm.app import build

__all__ = ["build"]
