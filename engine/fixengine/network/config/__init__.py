"""The configuration: settings.py holds every key with its default, reader.py checks a file."""

from fixengine.network.config.reader import ConfigError, load, parse, state_dir_of
from fixengine.network.config.settings import Config, describe, effective

__all__ = ["Config", "ConfigError", "describe", "effective", "load", "parse", "state_dir_of"]
