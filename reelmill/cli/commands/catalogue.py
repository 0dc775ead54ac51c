"""``reelmill catalogue``: the catalogue as a file, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.server import open_dispatcher, this_person
from reelmill.cli.views.output import OutputOption, print_json
from reelmill.errors import PlatformError, UserError
from reelmill.storage.line_file import SUFFIX

if TYPE_CHECKING:
    from reelmill.dispatch.site_transfer import SiteImport

catalogue = typer.Typer(name="catalogue", no_args_is_help=True, help="The catalogue: export, import.")


@catalogue.command("export")
def export(
    file: Annotated[Path, typer.Argument(help=f"A new file, such as library{SUFFIX}: JSON lines, compressed.")],
    output: OutputOption = "table",
) -> None:
    """Write videos, titles, tags, analyses, what was made of what, and the site's rules and settings to a file."""
    from reelmill.catalogue.exports import kept_exports

    require_catalogue()
    if not file.name.endswith(SUFFIX):
        raise UserError(f"The name of an export ends in {SUFFIX}, and {file.name} does not; choose such a name.")
    try:
        count = kept_exports.write(file.absolute(), lines := _lines_of_site())
    except FileExistsError as error:
        raise UserError(f"{file} is there already and is never overwritten; choose another name.") from error
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror or error}.") from error
    if output == "json":
        print_json({"file": str(file), "rows": count, "of_site": len(lines)})
    else:
        typer.echo(f"{count} rows written to {file}")


def _lines_of_site() -> list[dict[str, Any]]:
    """Rules and settings, where there is a server to ask."""
    try:
        with open_dispatcher() as prefect:
            return list(prefect.transfer.lines())
    except (PlatformError, UserError) as error:
        typer.echo(f"without rules and settings: {error}", err=True)
        return []


@catalogue.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `reelmill catalogue export` wrote, or the site by itself.")],
    output: OutputOption = "table",
) -> None:
    """Merge an export into the catalogue and the site; what stands there stays, and a second time adds nothing."""
    from reelmill.catalogue.exports import kept_exports

    require_catalogue()
    report = kept_exports.load(file)
    found = _put_back(list(kept_exports.lines_of_site(file)))
    if output == "json":
        rows = {"added": report.added, "known": report.known, "renamed": report.renamed, "left_out": report.left}
        print_json({**rows, "restored": found.restored, "differing": found.differing})
        return
    typer.echo(str(report))
    for sentence in found.sentences:
        typer.echo(sentence)


def _put_back(lines: Sequence[Mapping[str, Any]]) -> SiteImport:
    """Rules and settings, where there is a server that takes them."""
    from reelmill.dispatch.site_transfer import SiteImport  # late: Prefect takes a second to import

    if not lines:
        return SiteImport()
    try:
        with open_dispatcher() as prefect:
            return prefect.transfer.load(lines, this_person())
    except (PlatformError, UserError) as error:
        typer.echo(f"rules and settings are not put back: {error} Import it again then.", err=True)
        return SiteImport()
