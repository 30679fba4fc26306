"""Storage drivers: files under absolute paths, nothing more."""
