"""One line and an exit code for what a user can cause; a traceback only for bugs."""

from __future__ import annotations

from typing import Any

import click

from distribution.errors import ConfigurationError, DistributionError


class OneLineGroup(click.Group):
    """A group of commands whose foreseen failures are one line on standard error.

    Exit code 2 for wrong input (as click's own), 1 for everything else.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            click.echo(f"{ctx.info_name}: configuration error: {error}", err=True)
            ctx.exit(2)
        except DistributionError as error:
            click.echo(f"{ctx.info_name}: {error}", err=True)
            ctx.exit(1)
