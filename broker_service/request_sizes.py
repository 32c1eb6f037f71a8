"""How many bytes a request may have where the default of the chassis is too few.

Each is what the rules in the protos allow, with realistic texts and room to spare.
"""

from __future__ import annotations

from typing import Final

_MEBIBYTE: Final = 1024 * 1024

MAX_BYTES: Final = {
    "AgentService/ReportHosts": 8 * _MEBIBYTE,  # 500 reports with sessions and health checks
    "AppGroupService/CreateAppGroup": 2 * _MEBIBYTE,  # 500 applications
    "AppGroupService/UpdateAppGroup": 2 * _MEBIBYTE,
    "AssignmentService/ConfirmRelease": _MEBIBYTE,  # 10,000 ids of hosts
    "AssignmentService/ImportAssignments": 9 * _MEBIBYTE,  # a file of 8 MiB
    "CollectionService/CreateCollection": _MEBIBYTE,  # 10,000 ids of hosts
    "HostService/BatchCreateHosts": 8 * _MEBIBYTE,  # 10,000 hosts
    "HostService/BatchDeleteHosts": 4 * _MEBIBYTE,  # 10,000 names
    "HostService/BatchUpdateHosts": 4 * _MEBIBYTE,
    "HostService/MoveHosts": 4 * _MEBIBYTE,
}
