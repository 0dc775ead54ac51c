"""What came of an action, in a line that goes away by itself and is read out by a screen reader."""

from __future__ import annotations

from nicegui import ui


def toast(sentence: str, *, failed: bool = False) -> None:
    """Show it.

    Args:
        sentence: what was done, or why not.
        failed: it was not; such a line stays for longer.
    """
    ui.notify(
        sentence,
        position="bottom-right",
        classes="rm-toast rm-toast-failed" if failed else "rm-toast",
        icon="error" if failed else "check_circle",
        timeout=8000 if failed else 3500,
        progress=False,
        attrs={"role": "alert" if failed else "status"},
    )
