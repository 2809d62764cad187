"""An asynchronous client of a chat API that asks many questions at once: servers that batch or grow need to see them.

In: questions, and the URL of an OpenAI-compatible API. Out: answers in the order of the questions, and for each one
that failed its error. It needs `openai` and `shared/`. All care for the server is in transport.py, below the SDK, so a
LangChain application keeps its ChatOpenAI, and gets that care with `http_async_client`:

```python
from langchain_openai import ChatOpenAI

async with ChatClient("http://127.0.0.1:8000/v1", concurrent=10) as client:
    model = ChatOpenAI(
        base_url=client.url, api_key=client.key, model=client.model, http_async_client=client.http
    )
    answers = await model.abatch(questions, config={"max_concurrency": 10}, return_exceptions=True)
    async for chunk in model.astream("What is a stream?"):
        print(chunk.text, end="", flush=True)
```

Only LangChain's asynchronous methods use `http_async_client`: `ainvoke`, `abatch` and `astream`.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Self

import httpx2
from openai import APIConnectionError, APIError, AsyncOpenAI, OpenAIError

from demos.demo_4_streaming.client.transport import CarefulTransport
from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.resilience.breaker import Breaker
from shared.resilience.circuit import Rules
from shared.upstream.address import proxy_for

LEAST_TIME, MOST_TIME = 30.0, 300.0  # seconds for an answer
CONNECT_TIME = 10.0  # seconds
KEEPALIVE_EXPIRY = 30.0  # seconds that an idle connection stays open
RULES = Rules(failures=5, open_for=30.0)
LARGEST_BATCH = 100  # prompts; a gateway's default for MAX_BATCH
# The errors that a reply of another kind raises when it is read as an answer.
MISSHAPEN = (AttributeError, KeyError, IndexError, TypeError, ValueError)

Question = str | Sequence[Mapping[str, Any]]  # a text, or the messages of a conversation
Result = str | Exception


class ChatClient:
    """One pool of connections: make one client for the life of the process, and share it between all tasks.

    `sdk` is the official client on the same pool, for everything that is not here. A stream holds its place to its end.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "anonymous",
        model: str = "workshop-tiny",
        concurrent: int = 10,
        max_retries: int = 2,
        timeout: AdaptiveTimeout | None = None,
        rules: Rules = RULES,
    ) -> None:
        self.url = url
        self.key = key
        self.model = model
        self.concurrent = concurrent
        # HTTP/1.1: with a pool of open connections, HTTP/2 only adds the cost of its frames.
        pool = httpx2.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            proxy=proxy_for(url),
            limits=httpx2.Limits(
                max_connections=concurrent,
                max_keepalive_connections=concurrent,
                keepalive_expiry=KEEPALIVE_EXPIRY,
            ),
        )
        self.transport = CarefulTransport(
            pool,
            concurrent=concurrent,
            timeout=timeout or AdaptiveTimeout(LEAST_TIME, MOST_TIME),
            breaker=Breaker(rules),
        )
        self.http = httpx2.AsyncClient(transport=self.transport)
        self.sdk = AsyncOpenAI(
            base_url=url,
            api_key=key,
            max_retries=max_retries,
            timeout=httpx2.Timeout(MOST_TIME, connect=CONNECT_TIME),
            http_client=self.http,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sdk.close()

    async def ask(self, question: Question, **fields: Any) -> str:
        """The answer's text. `fields` are those of the API: max_tokens, temperature … Raises openai.OpenAIError."""
        asked = {"model": self.model, **fields, "messages": _messages(question)}
        completion = await self.sdk.chat.completions.create(**asked)
        try:
            return completion.choices[0].message.content or ""
        except MISSHAPEN:
            raise OpenAIError(f"{self.url} answers with something other than a chat completion") from None

    async def ask_all(
        self, questions: Sequence[Question], *, done: Callable[[], None] = lambda: None, **fields: Any
    ) -> list[Result]:
        """An answer or an error for each question, in their order. `done` is called after each."""
        results: list[Result] = [""] * len(questions)
        waiting = iter(enumerate(questions))

        async def work() -> None:
            for number, question in waiting:
                results[number] = await self._result(question, fields)
                done()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.concurrent, len(questions))):
                group.create_task(work())
        return results

    async def stream(self, question: Question, **fields: Any) -> AsyncGenerator[str]:
        """The answer's text, piece by piece. Raises openai.OpenAIError, also for an answer that breaks off."""
        asked = {"model": self.model, **fields, "messages": _messages(question), "stream": True}
        finished = False
        async with await self.sdk.chat.completions.create(**asked) as chunks:
            try:
                async for chunk in chunks:
                    for choice in (chunk.choices or [])[:1]:
                        finished = finished or choice.finish_reason is not None
                        if choice.delta.content:
                            yield choice.delta.content
            except httpx2.TransportError as fault:
                raise APIConnectionError(message=f"the answer broke off: {fault}", request=fault.request) from fault
        if not finished:
            raise APIConnectionError(message="the answer broke off", request=chunks.response.request)

    async def ask_in_batches(self, prompts: Sequence[str], **fields: Any) -> list[Result]:
        """The same as `ask_all` over a gateway's POST /generate/batch: few requests, and the gateway does the rest."""
        results: list[Result] = []
        for start in range(0, len(prompts), LARGEST_BATCH):
            part = prompts[start : start + LARGEST_BATCH]
            try:
                results += await self._batch([{"model": self.model, **fields, "prompt": prompt} for prompt in part])
            except OpenAIError as error:
                results += [error] * len(part)
        return results

    async def _result(self, question: Question, fields: Mapping[str, Any]) -> Result:
        try:
            return await self.ask(question, **fields)
        except Exception as error:  # whatever is wrong with one question, the others go on
            return error

    async def _batch(self, prompts: Sequence[Mapping[str, Any]]) -> list[Result]:
        url = str(self.sdk.base_url.join("../generate/batch"))
        reply = await self.sdk.post(url, cast_to=httpx2.Response, body={"prompts": prompts})
        try:
            return [
                _of_batch(result, reply.request) for _, result in zip(prompts, reply.json()["results"], strict=True)
            ]
        except MISSHAPEN:
            raise OpenAIError(f"{url} answers with something other than a result for each prompt") from None


def _of_batch(result: Mapping[str, Any], request: httpx2.Request) -> Result:
    if error := result.get("error"):
        return APIError(error["message"], request, body=error)
    return str(result["output"])


def _messages(question: Question) -> Sequence[Mapping[str, Any]]:
    return [{"role": "user", "content": question}] if isinstance(question, str) else question
