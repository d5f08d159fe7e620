"""``medseg package`` and ``medseg unpack``: a trained bundle as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medseg.errors import UsageError

__all__ = ["package_command", "unpack_command"]


def package_command(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="A trained bundle: its folder, or its name.")],
    output: Annotated[Path | None, typer.Option(help="The zip; default BUNDLE.zip in this folder.")] = None,
    run: Annotated[
        str | None, typer.Option(help="Folder of a training: take its weights and scores, not the installed weights.")
    ] = None,
    which: Annotated[str, typer.Option(help="last or best epoch of the run.")] = "last",
) -> None:
    """Make one zip of a trained bundle, in the model zoo's layout, that also runs where medseg is not installed."""
    try:
        from medseg.deploy.find_bundle import find_bundle
        from medseg.deploy.package import package_bundle
    except ModuleNotFoundError as error:
        raise UsageError(f"package needs {error.name}; install it with: pip install 'medseg[train]'") from error
    folder = find_bundle(bundle)
    output = output or Path(f"{folder.resolve().name}.zip")
    print(f"written: {package_bundle(folder, output, run=run, which=which).resolve()}")


def unpack_command(
    package: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What medseg package wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the bundle's folder is put.")] = Path(),
) -> None:
    """Unpack a packaged bundle: each file is checked, and nothing is written outside the bundle's folder."""
    try:
        from medseg.deploy.unpack import unpack_bundle
    except ModuleNotFoundError as error:
        raise UsageError(f"unpack needs {error.name}; install it with: pip install 'medseg[train]'") from error
    print(f"written: {unpack_bundle(package, folder).resolve()}")
