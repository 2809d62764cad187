"""OpenAI's clients cannot tell the gateway from OpenAI: one list of behaviours, and five clients that look for them."""
