"""The committed corpus: inputs to begin with, and each input that once found something."""

from __future__ import annotations

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def inputs(target: str) -> list[Path]:
    """Its files for one target: "codec" (harness.py) or "headers" (headers.c)."""
    return sorted((CORPUS / target).iterdir())
