"""The Prefect profile by which ``prefect deployment run`` in any terminal finds a site; each site has its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    Profile,
    ProfilesCollection,
    get_current_settings,
    load_profiles,
    save_profiles,
)

from deployments.access import client_settings
from reelmill.site_discovery import PrefectServer, accepts_connections
from reelmill.storage.file_lock import FileLock

#: Of the first site of a home; the others are ``reelmill-2`` and so on.
NAME: Final = "reelmill"

#: Beside Prefect's profiles: by their names, the data folders of the sites that they are of.
_OWNERS: Final = "reelmill-sites.json"


@dataclass(frozen=True)
class WrittenProfile:
    """The profile of a site."""

    name: str
    active: bool  # whether it is the one in force


def write_profile(server: PrefectServer, data_dir: Path) -> WrittenProfile:
    """Write the profile of a site into the user's Prefect home, and none of another site's.

    It becomes active only where the profile in force names no server of its own. It holds the site's login, so no
    other account may read the file.

    Args:
        server: that the profile names.
        data_dir: the data folder of the site, by which its profile is found again, whatever its port is then.

    Returns:
        The profile.
    """
    path = get_current_settings().profiles_path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock.acquire(path.with_name(f"{_OWNERS}.lock")):
        profiles, owners = load_profiles(), _owners(path)
        name = _name(profiles, owners, server, data_dir)
        _set(profiles, name, server)
        path.touch(mode=0o600)
        path.chmod(0o600)
        save_profiles(profiles)
        new = path.with_name(f"{_OWNERS}.new")
        new.write_text(json.dumps({**owners, name: str(data_dir)}))
        new.rename(path.with_name(_OWNERS))
    return WrittenProfile(name, profiles.active_name == name)


def _set(profiles: ProfilesCollection, name: str, server: PrefectServer) -> None:
    settings = client_settings(server)
    if name in profiles:
        profiles.update_profile(name=name, settings=settings)
    else:
        given = {setting: value for setting, value in settings.items() if value is not None}
        profiles.add_profile(Profile(name=name, settings=given))
    active = profiles.active_profile
    if active is None or PREFECT_API_URL not in active.settings:
        profiles.set_active(name)


def _owners(profiles: Path) -> dict[str, str]:
    try:
        found = json.loads(profiles.with_name(_OWNERS).read_text())
    except (OSError, ValueError):  # no site has written one, or somebody else has
        return {}
    return {str(name): str(owner) for name, owner in found.items()} if isinstance(found, dict) else {}


def _name(profiles: ProfilesCollection, owners: Mapping[str, str], server: PrefectServer, data_dir: Path) -> str:
    """The name that the site has had, or the first that is no other site's."""
    had = [name for name, owner in owners.items() if owner == str(data_dir)]
    return had[0] if had else next(name for name in _names() if _is_free(profiles, owners.get(name), name, server))


def _names() -> Iterator[str]:
    yield NAME
    yield from (f"{NAME}-{number}" for number in count(2))


def _is_free(profiles: ProfilesCollection, owner: str | None, name: str, server: PrefectServer) -> bool:
    if owner is not None:
        return not Path(owner).is_dir()  # somebody removed that site
    if name not in profiles:
        return True
    # An older version kept no owners: it is ours by the login, else another's where something serves it.
    settings = profiles[name].settings
    login, url = settings.get(PREFECT_API_AUTH_STRING), str(settings.get(PREFECT_API_URL) or "")
    ours = url == server.api_url or (login is not None and login == server.auth_string)
    return ours or not url or not accepts_connections(url)
