"""Rate limits of callers: exact sliding windows over requests and tokens, in this process or shared through Redis.

`allowance` says how much each caller may do, `window` counts, `memory` and `redis` keep the counts, `failover` decides
with Redis or without it, `headers` tells the client. Knows nothing of HTTP routes, models or streams.
"""
