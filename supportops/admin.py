"""Where Django looks for pages of the console: those of colleagues stand in `console.staff`."""

from supportops.console import staff

__all__ = ["staff"]
