"""A flow that people call as a function, from notebooks and programs, on the site of their node."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect import Flow

from reelmill.dispatch.server.server_choice import chosen_server

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class SiteFlow(Flow[Parameters, Returned]):
    """Runs on the server that somebody chose, else on this node's site, else on a temporary one.

    A flow must know its server before its first line runs: by then Prefect has asked it for a run. Workers do not call
    their flows, they hand them to Prefect's engine, under the server that they work for.
    """

    if not TYPE_CHECKING:  # its type is that of ``Flow.__call__``

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """See ``Flow.__call__``."""
            with chosen_server(temporary=True):
                return super().__call__(*args, **kwargs)


def flow(**options: Any) -> Callable[[Callable[Parameters, Returned]], SiteFlow[Parameters, Returned]]:
    """Make a job type's flow of a function, as ``prefect.flow`` does.

    Its description, which the Prefect UI shows, is the docstring without what the form of its parameters shows anyway.

    Args:
        **options: as of ``prefect.Flow``.

    Returns:
        The decorator.
    """

    def decorate(function: Callable[Parameters, Returned]) -> SiteFlow[Parameters, Returned]:
        description = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
        return SiteFlow(function, description=description or None, **options)

    return decorate
