"""Every setting, wherever it comes from, and whether the settings fit each other."""

from shared.settings.checks import remarks
from shared.settings.settings import EMBEDDED_BASE_URL, BadSetting, Settings, load_settings

__all__ = ["EMBEDDED_BASE_URL", "BadSetting", "Settings", "load_settings", "remarks"]
