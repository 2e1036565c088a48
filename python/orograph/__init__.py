"""Reads the surface files of Orograph, and exports models for it; `python -m orograph.plot` and `orograph-plot` draw."""

from .errors import OrographError
from .exporting import export
from .reading import open_surface as open

__all__ = ["OrographError", "export", "open"]
