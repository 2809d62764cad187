"""What the models of one upstream do not take of the fields that this service adds to a request.

We ask streams for their usage, and give our own routes a temperature and a longest answer. Some engines refuse a field
that they do not know, and newer models of OpenAI's refuse `max_tokens` and any temperature but their own. Then the
field is left out, or renamed, and that is remembered. What the caller chose is never left out.

In: a Call, and the refusal that it got. Out: the body to send, and whether to ask again. Knows nothing of connections.
"""

import re
from collections import OrderedDict
from typing import Any

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamRejected

MOST_MODELS = 100  # names of models come from callers
RENAMED = "max_completion_tokens"  # OpenAI's newer name for max_tokens
NEWER_MODELS = re.compile(r"(.*/)?(o\d|gpt-5)")  # OpenAI's models that do not know the old name

# A field that is not known, in the words of OpenAI, pydantic (vLLM, Mistral), Go and others; not a value out of range.
NOT_TAKEN = re.compile(r"support|permit|not allowed|unexpected|unrecogni[sz]ed|unknown|extra", re.I)


class Dialect:
    """What the models of one upstream have refused."""

    def __init__(self) -> None:
        self._refused: OrderedDict[str, frozenset[str]] = OrderedDict()

    def body(self, call: Call) -> dict[str, Any]:
        """The body of POST /chat/completions for this call."""
        request = call.request
        body = request.to_wire(call.target.model)
        model = body["model"]
        refused = self._refused.get(model, frozenset())
        if "max_tokens" in body and RENAMED not in body and ("max_tokens" in refused or NEWER_MODELS.match(model)):
            body[RENAMED] = body.pop("max_tokens")
        for name in refused & request.added:
            body.pop(name, None)
        if "stream_options" in refused and request.stream:
            body.pop("stream_options")
            body |= {name: value for name, value in request.extra.items() if name == "stream_options"}
        return body

    def learn(self, call: Call, refusal: UpstreamRejected) -> bool:
        """Whether the upstream refused a field that can be left out or renamed, and not known to be refused so far."""
        model = call.target.model or call.request.model
        known = self._refused.get(model, frozenset())
        text = f"{refusal.error_code} {refusal.message}"
        if refusal.upstream_status not in (400, 422) or not NOT_TAKEN.search(text):
            return False
        sent = self.body(call)
        news = {
            name
            for name in ("stream_options", "max_tokens", *call.request.added)
            if name in sent and (refusal.param == name or re.search(rf"\b{name}\b", text))
        }
        if call.request.extra.get("stream_options"):
            news.discard("stream_options")
        if news <= known:
            return False
        self._refused[model] = known | news
        self._refused.move_to_end(model)
        if len(self._refused) > MOST_MODELS:
            self._refused.popitem(last=False)
        return True
