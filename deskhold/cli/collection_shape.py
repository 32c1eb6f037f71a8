"""How collections are shown."""

from __future__ import annotations

from deskhold.cli.output import Column, View, last_segment, moment, without

LIST = View(
    (
        Column("name", "NAME", last_segment),
        Column("type", "TYPE", without("COLLECTION_TYPE_")),
        Column("auto_assign_user", "AUTO-ASSIGN"),
        Column("grant_administrative_privilege", "GRANT-ADMIN"),
        Column("host_count", "HOSTS"),
        Column("assigned_host_count", "ASSIGNED"),
        Column("create_time", "CREATED", moment),
    )
)


def _lines(text: str) -> str:
    return ", ".join(text.split("\n"))


WHOLE = View(
    (
        Column("name", "NAME"),
        Column("display_name", "DISPLAY NAME"),
        Column("description", "DESCRIPTION"),
        *LIST.columns[1:4],
        Column("max_desktops_per_user", "MAX DESKTOPS"),
        Column("release_policy", "RELEASE POLICY", without("RELEASE_POLICY_")),
        Column("load_balancing", "LOAD BALANCING", without("LOAD_BALANCING_")),
        Column("max_sessions_per_host", "MAX SESSIONS PER HOST"),
        Column("active_session_limit_minutes", "ACTIVE LIMIT (MIN)"),
        Column("disconnected_session_limit_minutes", "DISCONNECTED LIMIT (MIN)"),
        Column("idle_session_limit_minutes", "IDLE LIMIT (MIN)"),
        Column("custom_rdp_properties", "RDP PROPERTIES", _lines),
        Column("user_name_format", "USER NAME FORMAT", without("USER_NAME_FORMAT_")),
        Column("gateway.address", "GATEWAY"),
        Column("gateway.port", "GATEWAY PORT"),
        Column("gateway.token_format", "GATEWAY TOKEN", without("ROUTING_TOKEN_FORMAT_")),
        *LIST.columns[4:],
        Column("update_time", "UPDATED", moment),
        Column("etag", "ETAG"),
    )
)
