"""What an instructor remembers: what was tried, what is known, and who is where."""

from .remembering import Remembering
from .store import Store

__all__ = ["Remembering", "Store"]
