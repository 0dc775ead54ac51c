"""The Prefect profile by which ``prefect deployment run`` in any terminal finds the site."""

from __future__ import annotations

from typing import Final

from prefect.settings import PREFECT_API_URL, Profile, get_current_settings, load_profiles, save_profiles

from deployments.access import client_settings
from reelmill.site_discovery import PrefectServer

NAME: Final = "reelmill"


def write_profile(server: PrefectServer) -> bool:
    """Write the profile ``reelmill`` into the user's Prefect home.

    It becomes active only where the profile in force names no server of its own. It holds the site's login, so no
    other account may read the file.

    Args:
        server: that the profile names.

    Returns:
        Whether it is the active profile.
    """
    profiles = load_profiles()
    settings = client_settings(server)
    if NAME in profiles:
        profiles.update_profile(name=NAME, settings=settings)
    else:
        given = {setting: value for setting, value in settings.items() if value is not None}
        profiles.add_profile(Profile(name=NAME, settings=given))
    active = profiles.active_profile
    if active is None or PREFECT_API_URL not in active.settings:
        profiles.set_active(NAME)
    path = get_current_settings().profiles_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    save_profiles(profiles)
    return profiles.active_name == NAME
