"""The commands: parse arguments, call the library, exit."""

from distribution.cli.distribution import main

__all__ = ["main"]
