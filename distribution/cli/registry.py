"""The ``registry`` command: Docker Distribution's own verbs, for unit files that call them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from distribution.cli.failures import OneLineGroup
from distribution.cli.serve import serve
from distribution.errors import ConfigurationError
from distribution.version import VERSION

#: Where the images of Docker Distribution 3 and 2 keep their configuration.
_USUAL_PLACES = (Path("/etc/distribution/config.yml"), Path("/etc/docker/registry/config.yml"))


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, "-v", "--version", message="%(prog)s distribution %(version)s")
def main() -> None:
    """Serve container images, by the verbs of Docker Distribution."""


@main.command("serve")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False), required=False)
def serve_command(config: Path | None) -> None:
    """Serve images over HTTP as CONFIG says."""
    serve(config or _usual_place())


@main.command("help")
@click.pass_context
def help_command(ctx: click.Context) -> None:
    """Show the verbs."""
    assert ctx.parent is not None  # noqa: S101 - a command of a group
    click.echo(ctx.parent.get_help())


def _usual_place() -> Path | None:
    if os.environ.get("REGISTRY_CONFIGURATION_PATH"):
        return None
    for place in _USUAL_PLACES:
        if place.exists():
            return place
    raise ConfigurationError("configuration path not specified")
