"""What an operator may set: Docker Distribution's ``config.yml`` and ``REGISTRY_*`` variables."""

from distribution.config.load import load
from distribution.config.settings import RegistrySettings

__all__ = ["RegistrySettings", "load"]
