"""How many bytes a request may have where the default of the chassis is too few.

Each is what the rules in the protos allow, with realistic texts and room to spare.
"""

from __future__ import annotations

from typing import Final

from deskhold.chassis.server import MAX_MESSAGE_BYTES

_MEBIBYTE: Final = 1024 * 1024

MAX_BYTES: Final = {
    "AccessService/BatchCheckAccess": 4 * _MEBIBYTE,  # 256 checks with the groups of a token
    "AccessService/CheckAccess": _MEBIBYTE // 2,  # 256 groups
    "AccessService/ExplainAccess": _MEBIBYTE // 2,
    "AccessService/ListAccessibleScopes": _MEBIBYTE // 2,
    "AccessService/TestPermissions": _MEBIBYTE // 2,  # 256 actions
    "AccessService/WhatIf": 4 * _MEBIBYTE,  # 256 checks and 100 changes
    # Whatever can be exported can be imported.
    "PolicyService/ImportPolicy": MAX_MESSAGE_BYTES,
    "RoleAssignmentService/CreateRoleAssignment": _MEBIBYTE // 4,
    "RoleDefinitionService/CreateRoleDefinition": 4 * _MEBIBYTE,  # 16 times 512 actions
    "RoleDefinitionService/UpdateRoleDefinition": 4 * _MEBIBYTE,
}
