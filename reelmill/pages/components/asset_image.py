"""Images and GIFs that jobs made of a video, as they are."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable
from typing import Final
from urllib.parse import quote

from nicegui import ui

from reelmill.catalogue.models import Asset, AssetKind
from reelmill.pages.components.text import Text

#: What an image is called, by its kind; the thumbnail stands with the video, and a WebVTT is for players.
_WORDS: Final = {
    AssetKind.GIF: "GIF",
    AssetKind.CONTACT_SHEET: "Contact sheet",
    AssetKind.SHEET: "Storyboard",
    AssetKind.SCENE_IMAGE: "Scene",
}


def shown_assets(assets: Iterable[Asset]) -> list[Asset]:
    """Those that are images of a video beside its thumbnail (pure): GIFs first, scenes last, each by its number."""
    order = [*_WORDS]
    found = [asset for asset in assets if asset.kind in _WORDS]
    return sorted(found, key=lambda asset: (order.index(AssetKind(asset.kind)), asset.number or 0, asset.path))


def asset_label(asset: Asset) -> str:
    """What an image is called (pure)."""
    number = "" if asset.number is None else f" {asset.number}"
    return f"{_WORDS[AssetKind(asset.kind)]}{number}"


def asset_images(assets: Iterable[Asset], label: str, stills: Container[uuid.UUID]) -> None:
    """Show images in a grid, each a link to the whole of it.

    Args:
        assets: of ``shown_assets``.
        label: what they are, for a screen reader.
        stills: ids of videos that have a thumbnail, in the place of a GIF for whoever wants nothing to move.
    """
    with ui.element("ul").classes("rm-grid rm-grid-small").props(f'aria-label="{label}"'):
        for asset in assets:
            with ui.element("li"):
                _image(asset, still=asset.kind == AssetKind.GIF and asset.video_id in stills)


def _image(asset: Asset, *, still: bool) -> None:
    video = f"/api/media/videos/{asset.video_id}"
    address = f"{video}/asset?path={quote(asset.path, safe='/')}"
    with ui.link(target=address).classes("rm-card") as link:
        link.props["title"] = asset.path
        with ui.element("picture").classes("rm-thumb"):
            if still:
                ui.element("source").props(f'media="(prefers-reduced-motion: reduce)" srcset="{video}/thumbnail"')
            # Its name stands below it.
            ui.element("img").props('alt="" loading="lazy"').props["src"] = address
        Text("span", asset_label(asset), "rm-card-title")
