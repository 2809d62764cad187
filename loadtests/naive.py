"""A first version of the service: `make before-after` measures the demos against it.

It is not made slow on purpose. One FastAPI route validates the body, makes a client of OpenAI's SDK for the call, and
blocks one of the 40 threads that FastAPI has for plain functions until the model has answered. Time-out and retries are
the SDK's own. There is no cache, no token, no limit, no breaker and no log. `OPENAI_BASE_URL` is the upstream.
"""

from fastapi import FastAPI
from openai import OpenAI
from pydantic import BaseModel, Field

app = FastAPI()


class Question(BaseModel):
    prompt: str = Field(min_length=1, max_length=4000)
    model: str
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=1000, ge=1, le=4000)


class Answer(BaseModel):
    output: str
    tokens: int


@app.post("/generate")
def generate(question: Question) -> Answer:
    with OpenAI() as client:  # reads OPENAI_BASE_URL and OPENAI_API_KEY
        completion = client.chat.completions.create(
            model=question.model,
            messages=[{"role": "user", "content": question.prompt}],
            temperature=question.temperature,
            max_tokens=question.max_tokens,
        )
    return Answer(
        output=completion.choices[0].message.content or "",
        tokens=completion.usage.total_tokens if completion.usage else 0,
    )


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "healthy"}
