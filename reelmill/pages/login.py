"""The form that takes a token, and the cookie that keeps it: plain HTML, which needs no script and no socket.

The cookie holds the token itself, so that the site keeps no sessions: a token that is revoked opens no page from that
moment on, and a process that starts anew logs nobody out. No script of a page can read it.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Final
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from reelmill.api.access.caller import NotLoggedIn
from reelmill.api.services import Services
from reelmill.errors import PlatformError, UserError
from reelmill.pages import theme
from reelmill.pages.viewer import caller_by_token
from reelmill.settings import get_settings

LOGIN_PATH: Final = "/login"
LOGOUT_PATH: Final = "/logout"

#: Seconds for which a browser keeps a token; it may end earlier by itself.
_KEPT: Final = 30 * 24 * 3600

#: Characters of a form that are read; a token has some 300.
_LONGEST: Final = 4096


def cookie_name() -> str:
    """The name of the cookie: browsers share cookies between the ports of a host, and each has its site."""
    return f"reelmill_{get_settings().api_port}"


def token_of(connection: HTTPConnection) -> str | None:
    """The token that a browser sends, if it sends any."""
    return connection.cookies.get(cookie_name()) or None


def routes(services: Callable[[], Services]) -> list[Route]:
    """The form, what it sends, and the way out.

    Args:
        services: of the site, once it is open.

    Returns:
        The routes.
    """

    async def log_in(request: Request) -> Response:
        form, after = await request.form(max_files=0, max_fields=4), local_path(request.query_params.get("next"))
        token = f"{form.get('token', '')}".strip()[:_LONGEST]
        address = request.client.host if request.client is not None else ""
        try:
            await to_thread.run_sync(caller_by_token, services(), token, address)
        except PlatformError as error:
            return away_response(str(error))
        except UserError as error:
            sentence = "Paste a token first." if not token and isinstance(error, NotLoggedIn) else str(error)
            return HTMLResponse(_form(request, after, sentence), 401)
        response = RedirectResponse(after, 303)
        secure = request.url.scheme == "https"
        response.set_cookie(cookie_name(), token, _KEPT, httponly=True, samesite="lax", secure=secure)
        return response

    return [
        Route(LOGIN_PATH, _show, methods=["GET"]),
        Route(LOGIN_PATH, log_in, methods=["POST"]),
        Route(LOGOUT_PATH, _log_out, methods=["POST"]),
    ]


async def _show(request: Request) -> Response:
    return HTMLResponse(_form(request, local_path(request.query_params.get("next"))), headers=_NOT_KEPT)


async def _log_out(_request: Request) -> Response:
    response = RedirectResponse(LOGIN_PATH, 303)
    response.delete_cookie(cookie_name(), httponly=True, samesite="lax")
    return response


def local_path(path: str | None) -> str:
    """Where somebody goes after the login, which is a place of this site whatever a link has them believe (pure).

    Args:
        path: as the address of the form has it.

    Returns:
        The same with its query, or the first page.
    """
    split = urlsplit(path or "/")
    local = not split.scheme and not split.netloc and split.path.startswith("/") and "\\" not in (path or "")
    if not local or split.path.startswith(("//", LOGIN_PATH)):
        return "/"
    return split.path + (f"?{split.query}" if split.query else "")


_NOT_KEPT: Final = {"Cache-Control": "no-store"}

_DOCUMENT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} – Reelmill</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{icon}"><link rel="stylesheet" href="{style}"></head>
<body class="{body}"><main class="rm-alone">{content}</main></body></html>
"""

_FORM: Final = """<h1>Reelmill</h1>
<form method="post" action="{action}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus {described}>
{wrong}
<button type="submit" class="rm-button rm-primary">Log in</button>
</form>
<p class="rm-quiet">On the site, <code>reelmill token create NAME</code> makes a token. It is kept in this browser for
30 days.</p>
"""


def _form(request: Request, after: str, wrong: str = "") -> str:
    action = request.url.include_query_params(next=after)
    about = f'<p id="wrong" class="rm-wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    described = 'aria-describedby="wrong" aria-invalid="true"' if wrong else ""
    content = _FORM.format(action=escape(f"{action.path}?{action.query}"), wrong=about, described=described)
    return _document("Log in", content, theme.chosen(request))


def _document(title: str, content: str, chosen: theme.Theme) -> str:
    return _DOCUMENT.format(
        title=title,
        icon=theme.asset("icon.svg"),
        style=theme.asset("theme.css"),
        body=chosen.body_class,
        content=content,
    )


def away_response(sentence: str) -> Response:
    """A page of its own for when nothing can be shown, since who looks cannot be asked.

    Args:
        sentence: what is away.

    Returns:
        The response; it is asked again by itself.
    """
    content = (
        f'<h1>Reelmill is away</h1><p role="alert">{escape(sentence)}</p>'
        '<p class="rm-quiet">This page tries again every five seconds.</p>'
    )
    headers = {**_NOT_KEPT, "Refresh": "5", "Retry-After": "5"}
    return HTMLResponse(_document("Away", content, theme.Theme.AUTO), 503, headers)
