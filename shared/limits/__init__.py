"""How much a caller may do: exact sliding windows over requests and tokens, in this process or shared through Redis.

`allowance` says who may do how much, `window` counts, `memory` and `redis` keep the counts, `shared` decides with Redis
and goes on without it, `headers` tells the client. Knows nothing of HTTP routes, models or streams.
"""
