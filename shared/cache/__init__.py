"""Cached answers for equal requests: stores (memory, Redis), the key, the policy, single-flight, and counters."""
