"""How many calls have a gateway's limits let in? By then a call waits at the upstream, or for an equal one's answer.

Knows that no layer between the limits and the cache holds up callers without tokens.
"""

from workshop.grader.service import Service


def admitted(service: Service) -> int:
    """Callers without a token, in this hour."""
    hour = service.get("/usage").json["limits"]["hour"]
    return int(hour["limit"] - hour["remaining"])
