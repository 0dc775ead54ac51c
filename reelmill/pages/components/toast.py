"""What came of an action, in a line that goes away by itself and is read out by a screen reader."""

from __future__ import annotations

import json
from typing import Any, Final

from nicegui import Client, ui

#: Where a line waits in the browser while its page gives way to another.
_WAITING: Final = "reelmill-toast"

_ARRIVED: Final = f"""(() => {{
  const line = sessionStorage.getItem('{_WAITING}');
  sessionStorage.removeItem('{_WAITING}');
  if (line) Quasar.Notify.create(JSON.parse(line));
}})()"""


def toast(sentence: str, *, failed: bool = False) -> None:
    """Show it.

    Args:
        sentence: what was done, or why not.
        failed: it was not; such a line stays for longer.
    """
    about = _options(sentence, failed=failed)
    ui.notify(about.pop("message"), **about)


def leave_with_toast(client: Client, address: str, sentence: str, *, replace: bool = False) -> None:
    """Open another page, which shows what was done on this one.

    Args:
        client: whose page is left.
        address: of the other page.
        sentence: what was done.
        replace: the back button does not lead here again.
    """
    line = json.dumps(json.dumps(_options(sentence, failed=False)))
    way = "replace" if replace else "assign"
    client.run_javascript(f"sessionStorage.setItem('{_WAITING}', {line}); location.{way}({json.dumps(address)})")


def show_arrived(client: Client) -> None:
    """Show what was done on the page that was left for this one, once its socket is open."""
    client.on_connect(lambda: client.run_javascript(_ARRIVED))


def _options(sentence: str, *, failed: bool) -> dict[str, Any]:
    """A line as Quasar takes it."""
    return {
        "message": sentence,
        "position": "bottom-right",
        "classes": "rm-toast rm-toast-failed" if failed else "rm-toast",
        "textColor": "of-toast",  # Quasar's own, white, is important in a layer that no rule of ours overrides
        "icon": "error" if failed else "check_circle",
        "timeout": 8000 if failed else 3500,
        "progress": False,
        "attrs": {"role": "alert" if failed else "status"},
    }
