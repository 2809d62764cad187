"""Counts the calls that a gateway's limits have admitted. An admitted call waits for the upstream or an equal call.

Relies on the fact that no layer between the limits and the cache delays callers without tokens.
"""

from workshop.grader.service import Service


def admitted(service: Service) -> int:
    """The calls without a token that were admitted in this hour."""
    hour = service.get("/usage").json["limits"]["hour"]
    return int(hour["limit"] - hour["remaining"])
