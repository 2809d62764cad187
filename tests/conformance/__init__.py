"""Clients of OpenAI's API cannot tell the gateway from OpenAI: five clients check one list of behaviours."""
