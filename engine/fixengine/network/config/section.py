"""What sections of engine.toml are made of; see settings.py."""

from __future__ import annotations

from typing import Any

import msgspec


def about(description: str, **limits: Any) -> msgspec.Meta:
    """What a field means, and its limits (ge, le)."""
    return msgspec.Meta(description=description, **limits)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the sections."""
