"""The ``medseg`` command."""

from __future__ import annotations

import sys

import typer

from medseg.commands.bundles import bundles_app
from medseg.commands.compare import compare_command
from medseg.commands.export import export_command
from medseg.commands.package import package_command, unpack_command
from medseg.commands.predict import predict_command
from medseg.commands.report import report_command
from medseg.commands.study import study_app
from medseg.errors import MedsegError

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("compare")(compare_command)
app.command("export")(export_command)
app.command("predict")(predict_command)
app.add_typer(bundles_app, name="bundles")
app.command("package")(package_command)
app.command("unpack")(unpack_command)
app.add_typer(study_app, name="study")
app.command("report")(report_command)


@app.callback()
def _root() -> None:
    """Segmentation networks that were trained as MONAI bundles: compare them, use them, hand them on."""


def main() -> None:
    """Run the command; what a person can act on ends in one line, status 2 for wrong usage and 1 for failed work."""
    try:
        app()
    except MedsegError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
