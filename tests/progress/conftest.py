"""A clone in which an attendee works."""

from tests.attendee import project

__all__ = ["project"]
