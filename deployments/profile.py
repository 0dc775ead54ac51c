"""The Prefect profile by which ``prefect deployment run`` in any terminal finds the site."""

from __future__ import annotations

from typing import Final

from prefect.settings import PREFECT_API_URL, Profile, load_profiles, save_profiles

NAME: Final = "reelmill"


def write_profile(api_url: str) -> bool:
    """Write the profile ``reelmill`` into the user's Prefect home; answers whether it is the active one.

    It becomes active only where the profile in force names no server of its own.
    """
    profiles = load_profiles()
    profile = Profile(name=NAME, settings={PREFECT_API_URL: api_url})
    if NAME in profiles:
        profiles.update_profile(name=NAME, settings={PREFECT_API_URL: api_url})
    else:
        profiles.add_profile(profile)
    active = profiles.active_profile
    if active is None or PREFECT_API_URL not in active.settings:
        profiles.set_active(NAME)
    save_profiles(profiles)
    return profiles.active_name == NAME
