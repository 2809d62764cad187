"""The grader measures a running service by the settings' documented defaults."""

from dataclasses import fields

import pytest
from pydantic import SecretStr

from shared.settings import Settings
from workshop.grader.subject import Configured


@pytest.mark.parametrize("name", [field.name for field in fields(Configured)])
def test_without_other_settings_the_grader_expects_the_defaults(name: str) -> None:
    default = Settings.model_fields[name].default
    assert getattr(Configured(), name) == (default.get_secret_value() if isinstance(default, SecretStr) else default)
