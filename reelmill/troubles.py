"""Whose trouble an error is, and why a file cannot be used or a site cannot come up, as programs compare it."""

from __future__ import annotations

from enum import StrEnum


class FailureClass(StrEnum):
    """Whose trouble a failure is; kept on the job so that people can filter by it."""

    INPUT = "input_error"
    USER = "user_error"
    CAPABILITY = "capability_mismatch"
    RESOURCE = "resource_error"
    TIMEOUT = "timeout"
    RUNTIME = "runtime_error"
    PLATFORM = "platform_error"


class Flaw(StrEnum):
    """Why a file cannot be used."""

    EMPTY = "empty"
    FOLDER = "folder"
    IMAGE = "image"
    PLAYLIST = "playlist"  # a text that names other files
    AUDIO_ONLY = "audio_only"
    NO_VIDEO_TRACK = "no_video_track"
    UNKNOWN_CODEC = "unknown_codec"  # this build of ffmpeg has no decoder for it
    UNKNOWN_FORMAT = "unknown_format"  # cut off, damaged or another kind of file
    NO_FRAMES = "no_frames"
    NO_LENGTH = "no_length"
    NO_TIMES = "no_times"
    FORBIDDEN = "forbidden"  # this user may not read it
    UNREADABLE = "unreadable"
    INVALID = "invalid"  # as its last validation found
    CHANGED = "changed"  # since the job began
    ABSENT = "absent"
    ADDRESS = "address"  # of a server: it is no file
    NAME_TOO_LONG = "name_too_long"


class SiteTrouble(StrEnum):
    """Why a site, or a node of it, cannot come up."""

    OTHER_SITE = "other_site"  # the media root belongs to another
    NO_SITE = "no_site"  # the media root carries no site's id
    UNREADABLE_MARK = "unreadable_mark"  # nobody knows whose the media root is
    MEDIA_ROOT = "media_root"  # it cannot be used, or is empty
    NAME_TAKEN = "name_taken"  # a worker of this name is up
    NO_PORT = "no_port"
    SILENT = "silent"  # a server does not respond
    ENDED = "ended"  # a process ended by itself
    DATABASE = "database"
    DATA_FOLDER = "data_folder"  # the database's folder cannot be used
    INSTALLATION = "installation"  # something is missing from it
    LOGIN = "login"
    JOBS_RUNNING = "jobs_running"
    DEPLOYMENTS = "deployments"  # prefect.yaml is not as it must be
