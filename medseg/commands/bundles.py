"""``medseg bundles``: what bundles there are, and a copy of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from medseg.errors import UsageError

__all__ = ["bundles_app"]

bundles_app = typer.Typer(help="List the bundles that medseg brings along, or copy one.", add_completion=False)


@bundles_app.callback(invoke_without_command=True)
def list_command(context: typer.Context) -> None:
    """List the bundles that medseg brings along, and what weights they have; or copy one."""
    if context.invoked_subcommand is not None:
        return
    try:
        from medseg.deploy.describe import described_bundle
        from medseg.deploy.find_bundle import shipped_bundles
    except ModuleNotFoundError as error:
        raise UsageError(f"bundles needs {error.name}; install it with: pip install 'medseg[train]'") from error
    table = Table("Bundle", "Network", "Weights", box=None)
    shipped = shipped_bundles()
    for name, folder in shipped.items():
        table.add_row(name, *described_bundle(folder))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"in {next(iter(shipped.values())).parent}" if shipped else "none", soft_wrap=True, markup=False)


@bundles_app.command("copy")
def copy_command(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="Name of a bundle, or its folder.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The copy; must not exist yet.")],
) -> None:
    """Copy a bundle without its weights, for trainings of your own."""
    try:
        from medseg.deploy.find_bundle import copy_bundle, find_bundle
    except ModuleNotFoundError as error:
        raise UsageError(f"bundles needs {error.name}; install it with: pip install 'medseg[train]'") from error
    print(f"written: {copy_bundle(find_bundle(bundle), folder).resolve()}")
