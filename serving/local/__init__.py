"""The embedded model server: OpenAI's chat API on a laptop, with no key, no GPU and no network.

`python -m serving.local` answers for two models: `workshop-tiny`, real weights with continuous batching, and
`workshop-sim`, a queueing simulator for load tests and faults. Knows nothing of the gateway: only HTTP connects them.
"""
