"""What a person reads once a site is up: how to reach it, log in, and join."""

from __future__ import annotations

import sys
from pathlib import Path

from deployments.profile import write_profile
from deployments.site import Site
from deployments.supervisor import Notify
from reelmill.site_discovery import AUTH_VARIABLE


def announce(site: Site, notify: Notify, *, private: bool) -> None:
    """Announce to a person how to reach the site from another terminal.

    Args:
        site: the site, up.
        notify: called with each line.
        private: whether only that person reads it: a log must not hold the login.
    """
    programs = Path(sys.executable).parent
    profile = write_profile(site.server, site.settings.data_dir)
    notify(f"Prefect UI  {site.ui_url}")
    auth_string = site.server.auth_string
    if auth_string is None:
        notify(
            f"login       off {_decided(site)}: every program of this node may use the site, and so run its own code"
        )
    elif private:
        notify(f"login       {auth_string}   (the UI asks for it, whole; `reelmill login` prints it again)")
        notify(f"            on {_decided(site)}")
    else:
        notify(f"login       what `{programs}/reelmill login` prints; the UI asks for it; on {_decided(site)}")
    if site.rest_url is not None:
        notify(f"pages       {site.rest_url}   (for a browser; what is called a token below opens them)")
        notify(f"REST API    {site.rest_url}   ({site.rest_url}/docs lists its routes)")
    notify(f"media root  {site.settings.media_root}")
    if not profile.active:
        notify(f"in another terminal:  prefect profile use {profile.name}   (or the lines below)")
    notify(f"export REELMILL_DATA_DIR={site.settings.data_dir} REELMILL_MEDIA_ROOT={site.settings.media_root}")
    notify(f"export PREFECT_API_URL={site.api_url}")
    if auth_string is not None:
        notify(f'export {AUTH_VARIABLE}="$({programs}/reelmill login)"')
    notify(f"{programs}/reelmill run scan")
    if site.settings.listen is not None:
        notify("on another node that has this library mounted:")
        database = (
            site.database_url_for_others if private else f"…   (what `{programs}/reelmill login --database` prints)"
        )
        notify(f"export REELMILL_DATABASE_URL={database}")
        notify(f"reelmill join {site.api_url} {site.dask_address} --media-root FOLDER")


def _decided(site: Site) -> str:
    """What decided whether the site has a login."""
    chosen = "login" in site.settings.model_fields_set
    return f"by REELMILL_LOGIN={site.settings.login}" if chosen else "by default, REELMILL_LOGIN being unset"


def announce_token(text: str | None, days: int, notify: Notify) -> None:
    """Announce the first token of a site's REST API, or how one is made.

    Args:
        text: of the token; None where there is none, or where it is not to be shown.
        days: that it holds.
        notify: called with each line.
    """
    create = f"{Path(sys.executable).parent}/reelmill token create NAME --role SUPER_ADMIN"
    if text is None:
        notify(f"token       of the REST API: `{create}` makes one")
    else:
        notify(f"token       {text}")
        notify(f"            of the REST API: SUPER_ADMIN for {days} days, kept nowhere; `{create}` makes another")
