"""The policy as a YAML file, for people: roles, groups, role assignments.

    roles:
      - name: Host Keeper
        id: 5f0c...                      # may be left out
        description: Looks after hosts.
        permissions:
          - actions: ["deskhold.resources/hosts/*"]
            not_actions: ["*/delete"]
        assignable_scopes: [/tenantGroups/default]
    groups:
      - name: helpdesk
        display_name: Help desk
        members:
          - user: bob@contoso.com
    role_assignments:
      - role: Host Keeper                # display name or id
        group: helpdesk                  # or user:, service_principal:; with directory:
        scope: /tenantGroups/default
        from: 2026-03-01T08:00:00Z       # these three may be left out
        until: 2026-04-01T08:00:00Z
        delegation: {roles: [RDS Reader], kinds: [user], principals: [...], max_duration: 3600s}

A role assignment is known by role, principal and scope; its id is not in the file.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import click

from deskhold.cli import times
from deskhold.cli.output import Record, record
from deskhold.cli.principals import KIND
from deskhold.cli.role_shape import reference

if TYPE_CHECKING:
    from deskhold.api.rbac.v1.policies_pb2 import Policy

_KINDS = ("user", "group", "service_principal")
_ROLE = {"name", "id", "description", "permissions", "assignable_scopes"}
_GROUP = {"name", "display_name", "members"}
_PRINCIPAL = {*_KINDS, "directory"}
_ASSIGNMENT = {"role", "scope", "from", "until", "delegation"} | _PRINCIPAL
_DELEGATION = {"roles", "kinds", "principals", "max_duration"}


def format_policy(policy: Policy) -> str:
    """Return a policy as YAML."""
    import yaml

    whole = record(policy)
    document = {
        "roles": [_role(one) for one in whole["role_definitions"]],
        "groups": [_group(one) for one in whole["groups"]],
        "role_assignments": [_assignment(one) for one in whole["role_assignments"]],
    }
    # The one in C, where there is one, writes a large policy ten times faster.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def parse_policy(document: Any, file: str) -> Policy:
    """Return the policy of a file.

    Raises:
        ClickException: It is none; says which entry and what is wrong with it.
    """
    from google.protobuf.json_format import ParseDict, ParseError

    from deskhold.api.rbac.v1.policies_pb2 import Policy

    parts = _checked(document, {"roles", "groups", "role_assignments"}, file)
    readers = {
        "roles": ("role_definitions", _read_role),
        "groups": ("groups", _read_group),
        "role_assignments": ("role_assignments", _read_assignment),
    }
    policy = Policy()
    for part, (field, read) in readers.items():
        for number, entry in enumerate(_list(parts.get(part), f"{file}, {part}"), 1):
            place = f"{file}, {part}, entry {number}"
            try:
                # Entry by entry, so that an error names its entry.
                policy.MergeFrom(ParseDict({field: [read(entry, place)]}, Policy()))
            except ParseError as error:
                raise click.ClickException(f"{place}: {error}") from error
    return policy


def _role(role: Record) -> Record:
    kept = ("description", "permissions", "assignable_scopes")
    head = {"name": role["display_name"], "id": role["name"].removeprefix("roleDefinitions/")}
    return head | {key: role[key] for key in kept if role[key]}


def _group(entry: Record) -> Record:
    group = entry["group"]
    display_name = {"display_name": group["display_name"]} if group["display_name"] else {}
    return {
        "name": group["name"].removeprefix("groups/"),
        **display_name,
        "members": [_principal(one) for one in entry["members"]],
    }


def _assignment(one: Record) -> Record:
    window = {"from": one.get("start_time"), "until": one.get("expire_time")}
    entry = {
        "role": one["role_display_name"] or one["role_definition"],
        **_principal(one["principal"]),
        "scope": one["scope"],
        **{key: time for key, time in window.items() if time},
    }
    limits = one.get("delegation")
    if limits is not None:
        delegation = {
            "roles": limits["role_definitions"],
            "kinds": [KIND(kind) for kind in limits["principal_kinds"]],
            "principals": [_principal(principal) for principal in limits["principals"]],
            "max_duration": limits.get("max_duration"),
        }
        entry["delegation"] = {key: value for key, value in delegation.items() if value}
    return entry


def _principal(principal: Record) -> Record:
    directory = {"directory": principal["directory"]} if principal["directory"] else {}
    return {KIND(principal["kind"]): principal["id"], **directory}


def _read_role(entry: Any, place: str) -> Record:
    role = _checked(entry, _ROLE, place, "name")
    kept = ("description", "permissions", "assignable_scopes")
    name = {"name": reference(str(role["id"]))} if "id" in role else {}
    return name | {"display_name": role["name"]} | {key: role[key] for key in kept if key in role}


def _read_group(entry: Any, place: str) -> Record:
    group = _checked(entry, _GROUP, place, "name")
    name = f"groups/{str(group['name']).removeprefix('groups/')}"
    members = _list(group.get("members"), f"{place}, members")
    return {
        "group": {"name": name, "display_name": group.get("display_name", "")},
        "members": [_read_principal(_checked(one, _PRINCIPAL, place), place) for one in members],
    }


def _read_assignment(entry: Any, place: str) -> Record:
    one = _checked(entry, _ASSIGNMENT, place, "role", "scope")
    window = {"start_time": one.get("from"), "expire_time": one.get("until")}
    read = {
        "role_definition": reference(str(one["role"])),
        "principal": _read_principal(one, place),
        "scope": one["scope"],
        **{field: _time(time, place) for field, time in window.items() if time is not None},
    }
    if one.get("delegation") is not None:
        read["delegation"] = _read_delegation(one["delegation"], f"{place}, delegation")
    return read


def _read_delegation(entry: Any, place: str) -> Record:
    limits = _checked(entry, _DELEGATION, place)
    principals = _list(limits.get("principals"), place)
    read: Record = {
        "role_definitions": [reference(str(one)) for one in _list(limits.get("roles"), place)],
        "principal_kinds": [
            f"PRINCIPAL_KIND_{str(one).upper()}" for one in _list(limits.get("kinds"), place)
        ],
        "principals": [
            _read_principal(_checked(one, _PRINCIPAL, place), place) for one in principals
        ],
    }
    longest = limits.get("max_duration")
    return read if longest is None else read | {"max_duration": longest}


def _read_principal(entry: Record, place: str) -> Record:
    given = [kind for kind in _KINDS if kind in entry]
    if len(given) != 1:
        raise click.ClickException(f"{place} needs one of {', '.join(_KINDS)}.")
    (kind,) = given
    return {
        "kind": f"PRINCIPAL_KIND_{kind.upper()}",
        "id": entry[kind],
        "directory": entry.get("directory", ""),
    }


def _time(time: Any, place: str) -> str:
    # YAML reads what looks like a time or a date as one, without an offset when it names none.
    text = time.isoformat() if isinstance(time, date) else str(time)
    try:
        return times.time(text).isoformat()
    except click.BadParameter as error:
        raise click.ClickException(f"{place}: {error.message}") from error


def _checked(entry: Any, known: set[str], place: str, *required: str) -> Record:
    if not isinstance(entry, dict):
        raise click.ClickException(f"{place} is no mapping; give {', '.join(sorted(known))}.")
    unknown = {str(key) for key in entry} - known
    if unknown:
        raise click.ClickException(
            f"{place} has {', '.join(sorted(unknown))}; what there is: {', '.join(sorted(known))}."
        )
    missing = [key for key in required if not entry.get(key)]
    if missing:
        raise click.ClickException(f"{place} has no {', '.join(missing)}.")
    return entry


def _list(value: Any, place: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise click.ClickException(f"{place} is no list.")
    return value
