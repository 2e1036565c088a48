"""Reads the surface files of Orograph; `python -m orograph.plot` and `orograph-plot` draw them."""

from .errors import OrographError
from .reading import open_surface as open

__all__ = ["OrographError", "open"]
