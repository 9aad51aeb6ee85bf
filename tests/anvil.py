"""A private anvil process on a free port, and where the project lies."""

from __future__ import annotations

from pathlib import Path

from tensorbond.demo.anvil import MNEMONIC, Anvil

__all__ = ["MNEMONIC", "ROOT", "Anvil"]

ROOT = Path(__file__).resolve().parent.parent
