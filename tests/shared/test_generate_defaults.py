"""What the model is asked on behalf of a caller that sends a prompt and nothing else."""

import pytest

from shared.pipeline.validation import parse
from shared.routes.generate import to_chat
from shared.routes.schemas import GenerateRequest
from shared.service import Service
from shared.settings import Settings
from shared.upstream.sdk import OpenAIClient


@pytest.mark.parametrize(
    "body", [b'{"prompt": "Hola"}', b'{"prompt": "Hola", "temperature": null, "max_tokens": null}']
)
def test_a_prompt_alone_is_one_message_of_the_user_with_the_usual_model_temperature_and_length(body: bytes) -> None:
    settings = Settings(model="workshop-sim")
    service = Service(settings, "a service", layers=[], upstreams=OpenAIClient(settings))
    assert to_chat(service, parse(GenerateRequest, body)).to_wire() == {
        "model": "workshop-sim",
        "messages": ({"role": "user", "content": "Hola"},),
        "temperature": 0.7,
        "max_tokens": 1000,
    }
