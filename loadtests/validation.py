"""A FastAPI route that validates a body and answers: `loadtests.bench_cache` measures a cache hit against it.

Asks nobody, logs nothing, counts nothing. Written in the style of FastAPI's own tutorial.
"""

from fastapi import FastAPI

from shared.routes.schemas import GenerateMetadata, GenerateRequest, GenerateResponse, TokenCounts

app = FastAPI()

METADATA = GenerateMetadata(
    model="workshop-tiny",
    tokens=TokenCounts(input=12, output=40, total=52),
    cost_usd=0.0,
    price_source="cache",
    latency_ms=0.1,
    cached=True,
)


@app.post("/generate")
async def generate(asked: GenerateRequest) -> GenerateResponse:
    return GenerateResponse(request_id="static", output="static " * 40, metadata=METADATA)


@app.get("/health")
async def health() -> dict[str, str]:
    return {}
