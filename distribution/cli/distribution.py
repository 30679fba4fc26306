"""The ``distribution`` command."""

from __future__ import annotations

from pathlib import Path

import click

from distribution.cli.failures import OneLineGroup
from distribution.cli.serve import DEFAULT_ADDRESS, serve
from distribution.version import VERSION

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="distribution")
def main() -> None:
    """Store container images, and serve them."""


@main.command("serve")
@click.argument("config", type=_FILE, required=False)
@click.option("--addr", help=f"Host and port to listen on.  [default: {DEFAULT_ADDRESS}]")
@click.option("--data", type=_FOLDER, help="Folder to keep content in (filesystem driver).")
def serve_command(config: Path | None, addr: str | None, data: Path | None) -> None:
    """Serve images over HTTP.

    CONFIG is a configuration file of Docker Distribution's format. Without one, content is kept in
    a data folder of yours, deletes are on, and only this machine can connect.
    """
    serve(config, addr, data)
