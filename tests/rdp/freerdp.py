"""What FreeRDP itself reads from a file, asked of the library that xfreerdp is made of."""

from __future__ import annotations

import ctypes
from enum import IntEnum
from pathlib import Path


class Setting(IntEnum):
    """Keys of FreeRDP 2's settings that are text (`freerdp/settings.h`)."""

    SERVER_HOSTNAME = 20
    USERNAME = 21
    ALTERNATE_SHELL = 640
    REMOTE_APPLICATION_NAME = 2113
    REMOTE_APPLICATION_PROGRAM = 2115
    REMOTE_APPLICATION_CMD_LINE = 2118


def read(rdp_file: Path) -> dict[Setting, str]:
    """Return the texts that FreeRDP takes from a file; empty for what it does not set.

    Raises:
        AssertionError: FreeRDP refuses the file.
    """
    core = ctypes.CDLL("libfreerdp2.so.2")
    client = ctypes.CDLL("libfreerdp-client2.so.2")
    core.freerdp_settings_new.restype = ctypes.c_void_p
    core.freerdp_settings_get_string.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    core.freerdp_settings_get_string.restype = ctypes.c_char_p
    settings = ctypes.c_void_p(core.freerdp_settings_new(0))
    try:
        refused = client.freerdp_client_settings_parse_connection_file(
            settings, str(rdp_file).encode()
        )
        assert refused == 0, f"FreeRDP cannot read {rdp_file}"
        return {
            key: (core.freerdp_settings_get_string(settings, key) or b"").decode()
            for key in Setting
        }
    finally:
        core.freerdp_settings_free(settings)
