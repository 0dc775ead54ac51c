"""The site whose catalogue this is."""

from __future__ import annotations

from sqlmodel import Session, select

from reelmill.catalogue.models import SiteIdentity


def site(session: Session) -> SiteIdentity:
    """The site whose catalogue this is."""
    return session.exec(select(SiteIdentity)).one()
