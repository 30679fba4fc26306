# ruff: noqa: INP001 - no package, Sphinx runs it
"""How Sphinx builds these pages."""

from distribution.version import VERSION

project = "distribution"
author = "the distribution authors"
project_copyright = "the distribution authors"
release = VERSION

extensions = ["myst_parser"]
exclude_patterns = ["changes/*", "adr/template.md"]
html_theme = "furo"
html_title = f"distribution {VERSION}"

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
