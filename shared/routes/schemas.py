"""The JSON that clients of our own routes send and receive.

Shapes only: layers/input_guard.py checks sizes that depend on a setting (MAX_CHARS).
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_TOKENS = 4000
DEFAULT_TEMPERATURE = 0.7
DEFAULT_MAX_TOKENS = 1000


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _no_nul(text: str) -> str:
    # Nobody types one; logs, databases and C libraries behind us cut a text at a NUL.
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


WORDS = {"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}  # the same two rules, for the OpenAPI document
Prompt = Annotated[
    str, Field(min_length=1, json_schema_extra=WORDS), AfterValidator(_not_blank), AfterValidator(_no_nul)
]
ModelName = Annotated[
    str,
    Field(min_length=1, max_length=200, json_schema_extra=WORDS),
    AfterValidator(_not_blank),
    AfterValidator(_no_nul),
]


class GenerateRequest(BaseModel):
    """The body of POST /generate. Without `model`, the MODEL setting applies; null means the default."""

    model_config = ConfigDict(strict=True)  # "100" is not 100

    # region: generate-fields
    prompt: Prompt
    model: ModelName | None = None
    temperature: float | None = Field(default=DEFAULT_TEMPERATURE, ge=0.0, le=2.0)
    max_tokens: int | None = Field(default=DEFAULT_MAX_TOKENS, ge=1, le=MAX_TOKENS)
    # endregion: generate-fields


Language = Annotated[str, Field(min_length=2, max_length=40, pattern=r"^[^\W\d_][\w .()-]*$")]


class SummarizeRequest(BaseModel):
    """The body of POST /summarize. `language`: of the summary, by name or code; without it, the model chooses."""

    model_config = ConfigDict(strict=True)

    text: Prompt
    model: ModelName | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    language: Language | None = None


class BatchRequest(BaseModel):
    """The body of POST /generate/batch: up to MAX_BATCH prompts, each a plain text or a body of /generate."""

    model_config = ConfigDict(strict=True)

    prompts: list[Any] = Field(min_length=1)


class InferParams(BaseModel):
    model_config = ConfigDict(strict=True)

    temperature: float | None = Field(default=DEFAULT_TEMPERATURE, ge=0.0, le=2.0)
    max_new_tokens: int | None = Field(default=DEFAULT_MAX_TOKENS, ge=1, le=MAX_TOKENS)


class InferRequest(BaseModel):
    """The body of POST /v1/infer."""

    model_config = ConfigDict(strict=True)

    prompt: Prompt
    model: ModelName | None = None
    params: InferParams = InferParams()


class ChatCompletionRequest(BaseModel):
    """The body of POST /v1/chat/completions. Fields that we read are checked; others pass through to the upstream."""

    model_config = ConfigDict(strict=True, extra="allow")

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: ModelName | None = None
    temperature: float | None = Field(default=None, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1)
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None


class TokenCounts(BaseModel):
    input: int
    output: int
    total: int


class GenerateMetadata(BaseModel):
    """`price_source` is "default" if the model has no known price and PRICE_*_PER_1M applies, and "cache" for an answer
    that another call has paid for. `cached` exists from demo 3 on.
    """

    model: str
    tokens: TokenCounts
    cost_usd: float
    price_source: str
    latency_ms: float
    cached: bool | None = None


class GenerateResponse(BaseModel):
    """The reply of POST /generate."""

    request_id: str
    output: str
    metadata: GenerateMetadata


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str
    request_id: str | None


class ErrorResponse(BaseModel):
    """The envelope of every error, on every route."""

    error: ErrorDetail


class BatchMetadata(BaseModel):
    """Totals over all prompts of a batch."""

    total: int
    succeeded: int
    failed: int
    tokens: TokenCounts
    cost_usd: float
    latency_ms: float


class BatchResponse(BaseModel):
    """The reply of POST /generate/batch: for each prompt the reply that /generate would give, in the same order."""

    request_id: str
    results: list[GenerateResponse | ErrorResponse]
    metadata: BatchMetadata
