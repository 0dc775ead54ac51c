"""A file over HTTP: whole, by range, or not at all where the client has it already.

Starlette's own ``FileResponse`` opens its file by name, after whoever checked the name; it sends 400 for a range that
RFC 9110 has a server ignore, and it fails with a traceback where a file has become shorter.
"""

from __future__ import annotations

import json
import logging
import os
from email.utils import formatdate, parsedate_to_datetime
from pathlib import PurePosixPath
from typing import BinaryIO, Final
from urllib.parse import quote

import anyio
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelmill.api.byte_ranges import ByteRange, NotSatisfiable, requested_range
from reelmill.api.errors import error_body

#: Bytes read, and sent, at a time.
CHUNK: Final = 256 * 1024

#: By the end of a file's name; the node's own table of types differs from system to system.
CONTENT_TYPES: Final = {
    ".3gp": "video/3gpp", ".asf": "video/x-ms-asf", ".avi": "video/x-msvideo", ".flv": "video/x-flv",
    ".gif": "image/gif", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".m2ts": "video/mp2t", ".m4v": "video/mp4",
    ".mkv": "video/matroska", ".mov": "video/quicktime", ".mp4": "video/mp4", ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg", ".mts": "video/mp2t", ".ogv": "video/ogg", ".png": "image/png", ".ts": "video/mp2t",
    ".vtt": "text/vtt", ".webm": "video/webm", ".webp": "image/webp",
    ".wmv": "video/x-ms-wmv",
}  # fmt: skip

_log = logging.getLogger(__name__)


class OpenFileResponse(Response):
    """Sends an open file, or the range of it that is asked for, and closes it; holds a chunk of it at a time.

    Args:
        file: open for reading, at any position; what it holds when it is sent is what is sent.
        name: of the file, for its type and for whoever saves it.
        cache_control: how long others may keep it; by default they ask each time whether it is still the same.
    """

    def __init__(self, file: BinaryIO, name: str, cache_control: str = "private, no-cache"):
        self._file, self._stat = file, os.fstat(file.fileno())
        self.status_code, self.background, self.body = 200, None, b""
        suffix = PurePosixPath(name).suffix.lower()
        self.init_headers(
            {
                "content-type": CONTENT_TYPES.get(suffix, "application/octet-stream"),
                "content-length": str(self._stat.st_size),
                "content-disposition": f"inline; filename*=utf-8''{quote(name, safe='')}",
                "accept-ranges": "bytes",
                "cache-control": cache_control,
                "etag": f'"{self._stat.st_mtime_ns:x}-{self._stat.st_size:x}"',
                "last-modified": formatdate(int(self._stat.st_mtime), usegmt=True),
                "x-content-type-options": "nosniff",
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI has it; stops reading once the client is gone."""
        try:
            asked = Headers(scope=scope)
            wanted = self._begin(asked, head=scope["method"] == "HEAD")
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if wanted is None:
                await send({"type": "http.response.body", "body": self.body})
                return
            async with anyio.create_task_group() as tasks:

                async def stop_when_gone() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    tasks.cancel_scope.cancel()

                tasks.start_soon(stop_when_gone)
                await self._send(wanted, send)
                tasks.cancel_scope.cancel()
        finally:
            self._file.close()

    def _begin(self, asked: Headers, *, head: bool) -> ByteRange | None:
        """Set status and headers.

        Args:
            asked: the request's headers.
            head: whether only headers are asked for.

        Returns:
            The bytes that are to be sent; None where none are.
        """
        size = self._stat.st_size
        if self._is_known(asked):
            self.status_code = 304
            for name in ("content-length", "content-type", "content-disposition"):
                del self.headers[name]
            return None
        if head:  # a range is asked for by GET alone
            return None
        try:
            wanted = requested_range(asked.get("range"), size) if self._is_unchanged(asked.get("if-range")) else None
        except NotSatisfiable:
            self._refuse(size)
            return None
        if wanted is None:
            return ByteRange(0, size)
        self.status_code = 206
        self.headers["content-range"] = f"bytes {wanted.first}-{wanted.end - 1}/{size}"
        self.headers["content-length"] = str(wanted.size)
        return wanted

    def _refuse(self, size: int) -> None:
        body = error_body("RangeNotSatisfiable", f"The file has {size} bytes; ask for some of those.", "Range")
        self.status_code, self.body = 416, json.dumps(body).encode()
        self.headers["content-range"] = f"bytes */{size}"
        self.headers["content-type"] = "application/json"
        self.headers["content-length"] = str(len(self.body))
        del self.headers["content-disposition"]

    def _is_known(self, asked: Headers) -> bool:
        """Whether the client has the file as it is: RFC 9110, section 13.2.2."""
        if (tags := asked.get("if-none-match")) is not None:
            weak = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
            return tags.strip() == "*" or self.headers["etag"] in weak
        since = asked.get("if-modified-since")
        try:
            return since is not None and int(self._stat.st_mtime) <= parsedate_to_datetime(since).timestamp()
        except (ValueError, OverflowError):  # no date, or none that there is
            return False

    def _is_unchanged(self, validator: str | None) -> bool:
        """Whether a range goes on with what the client has: else it gets the whole of what is there now."""
        return validator is None or validator.strip() in (self.headers["etag"], self.headers["last-modified"])

    async def _send(self, wanted: ByteRange, send: Send) -> None:
        """Send bytes chunk by chunk.

        A file that has become shorter meanwhile, or cannot be read on, ends the response early; it is left incomplete,
        so that the server closes the connection and the client, which knows the length, sees that bytes are missing.
        """
        descriptor, first = self._file.fileno(), wanted.first
        while first < wanted.end:
            try:
                chunk = await to_thread.run_sync(os.pread, descriptor, min(CHUNK, wanted.end - first), first)
            except OSError as error:
                _log.warning("Sending a file ended early at byte %d of %d: %s", first, wanted.end, error.strerror)
                return
            if not chunk:
                _log.warning("Sending a file ended early: it has %d bytes now, and %d were due.", first, wanted.end)
                return
            first += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": first < wanted.end})
        if wanted.size == 0:
            await send({"type": "http.response.body", "body": b""})
