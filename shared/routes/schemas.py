"""The JSON that clients of our own routes send and receive.

Shapes only: sizes that depend on a setting (MAX_CHARS) are the input guard's business, layers/input_guard.py.
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
    # Nobody types one; logs, databases and C libraries behind us cut the text there.
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


Prompt = Annotated[str, Field(min_length=1), AfterValidator(_not_blank), AfterValidator(_no_nul)]
ModelName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_not_blank), AfterValidator(_no_nul)]


class GenerateRequest(BaseModel):
    """What POST /generate takes. No `model` means the MODEL setting; null means the default."""

    model_config = ConfigDict(strict=True)  # "100" is not 100

    # region: generate-fields
    prompt: Prompt
    model: ModelName | None = None
    temperature: float | None = Field(default=DEFAULT_TEMPERATURE, ge=0.0, le=2.0)
    max_tokens: int | None = Field(default=DEFAULT_MAX_TOKENS, ge=1, le=MAX_TOKENS)
    # endregion: generate-fields


Language = Annotated[str, Field(min_length=2, max_length=40, pattern=r"^[^\W\d_][\w .()-]*$")]


class SummarizeRequest(BaseModel):
    """What POST /summarize takes. `language`: the summary's, by name or code; without one, the model chooses."""

    model_config = ConfigDict(strict=True)

    text: Prompt
    model: ModelName | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_TOKENS)
    language: Language | None = None


class BatchRequest(BaseModel):
    """What POST /generate/batch takes: prompts, each a text alone or the body of /generate. MAX_BATCH says how many."""

    model_config = ConfigDict(strict=True)

    prompts: list[Any] = Field(min_length=1)


class InferParams(BaseModel):
    model_config = ConfigDict(strict=True)

    temperature: float | None = Field(default=DEFAULT_TEMPERATURE, ge=0.0, le=2.0)
    max_new_tokens: int | None = Field(default=DEFAULT_MAX_TOKENS, ge=1, le=MAX_TOKENS)


class InferRequest(BaseModel):
    """What POST /v1/infer takes."""

    model_config = ConfigDict(strict=True)

    prompt: Prompt
    model: ModelName | None = None
    params: InferParams = InferParams()


class ChatCompletionRequest(BaseModel):
    """What POST /v1/chat/completions takes: what we read is checked, all other fields pass through to the upstream."""

    model_config = ConfigDict(strict=True, extra="allow")

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: ModelName | None = None
    temperature: float | None = Field(default=None, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1)
    stream: bool | None = None


class TokenCounts(BaseModel):
    input: int
    output: int
    total: int


class GenerateMetadata(BaseModel):
    """`price_source` is "default" when the model has no known price and PRICE_*_PER_1M was used, "cache" for an answer
    that another call has paid for. `cached` is there from demo 3 on.
    """

    model: str
    tokens: TokenCounts
    cost_usd: float
    price_source: str
    latency_ms: float
    cached: bool | None = None


class GenerateResponse(BaseModel):
    """What POST /generate gives."""

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
    """Of all prompts of a batch together."""

    total: int
    succeeded: int
    failed: int
    tokens: TokenCounts
    cost_usd: float
    latency_ms: float


class BatchResponse(BaseModel):
    """What POST /generate/batch gives: what /generate would have given for each prompt, in their order."""

    request_id: str
    results: list[GenerateResponse | ErrorResponse]
    metadata: BatchMetadata
