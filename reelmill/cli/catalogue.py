"""``reelmill catalogue``: the catalogue as a file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.output import OutputOption, print_json
from reelmill.errors import UserError
from reelmill.storage.line_file import SUFFIX

catalogue = typer.Typer(name="catalogue", no_args_is_help=True, help="The catalogue: export, import.")


@catalogue.command("export")
def export(
    file: Annotated[Path, typer.Argument(help=f"A new file, such as library{SUFFIX}: JSON lines, compressed.")],
    output: OutputOption = "table",
) -> None:
    """Write videos, titles, tags, analyses and what was made of what to a file."""
    from reelmill.catalogue import kept_exports

    require_catalogue()
    if not file.name.endswith(SUFFIX):
        raise UserError(f"The name of an export ends in {SUFFIX}, and {file.name} does not; choose such a name.")
    try:
        count = kept_exports.write(file.absolute())
    except FileExistsError as error:
        raise UserError(f"{file} is there already and is never overwritten; choose another name.") from error
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror or error}.") from error
    if output == "json":
        print_json({"file": str(file), "rows": count})
    else:
        typer.echo(f"{count} rows written to {file}")


@catalogue.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `reelmill catalogue export` wrote, or the site by itself.")],
    output: OutputOption = "table",
) -> None:
    """Merge an export into the catalogue; what stands there stays, and a second time adds nothing."""
    from reelmill.catalogue import kept_exports

    require_catalogue()
    report = kept_exports.load(file)
    if output == "json":
        print_json({"added": report.added, "known": report.known, "renamed": report.renamed, "left_out": report.left})
    else:
        typer.echo(str(report))
