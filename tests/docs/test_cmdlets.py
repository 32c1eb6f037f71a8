"""docs/cmdlets.md names every command and RPC, and no option or field that does not exist."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest

from rbac_service.roles.builtin import BUILT_IN_ROLES
from tests.docs.cmdlets import (
    DOCUMENT,
    FILES,
    RPCS,
    TEXT,
    Cmdlet,
    cmdlets,
    commands,
    fields_of,
)
from tests.docs.tables import code, codes, read, table

# No cmdlet and no command is just these.
ONLY_FOR_PROGRAMS = {
    "AccessService.TestPermissions",
    "AgentService.ReportHosts",
}


def words_of(command: click.Command) -> set[str]:
    """Return what may follow a command: its options, and its arguments as help has them."""
    context = click.Context(command)
    words = set()
    for parameter in command.params:
        words |= {*parameter.opts, *parameter.secondary_opts}
        if isinstance(parameter, click.Argument):
            words.add(parameter.make_metavar(context).strip("[]"))
    return words


CMDLETS = list(cmdlets())
BY_NAME = pytest.mark.parametrize("cmdlet", CMDLETS, ids=lambda cmdlet: cmdlet.name)


def test_every_cmdlet_of_the_sources_has_a_section() -> None:
    assert {cmdlet.name for cmdlet in CMDLETS} >= {
        "New-RDSessionCollection",
        "Set-RDPersonalSessionDesktopAssignment",
        "Import-RDPersonalSessionDesktopAssignment",
        "Remove-RDPersonalSessionDesktopAssignment",
        "Get-RDPersonalSessionDesktopAssignment",
        "Export-RDPersonalSessionDesktopAssignment",
        "New-RdsRoleAssignment",
        "Get-RdsRoleAssignment",
        "Remove-RdsRoleAssignment",
        "Get-RdsRoleDefinition",
        "New-RdsRoleDefinition",
        "Set-RdsRoleDefinition",
        "Remove-RdsRoleDefinition",
    }


def test_every_section_with_parameters_has_its_rpc_and_command() -> None:
    sections = {one.heading.strip("`") for one in read(DOCUMENT) if "Field" in one.rows[0]}

    assert sections == {cmdlet.name for cmdlet in CMDLETS}


@BY_NAME
def test_a_cmdlet_has_an_rpc_and_a_command_that_exist(cmdlet: Cmdlet) -> None:
    assert cmdlet.rpc in RPCS
    assert cmdlet.command in commands()


@BY_NAME
def test_a_parameter_has_a_field_of_the_request_of_that_rpc(cmdlet: Cmdlet) -> None:
    cells = [one for row in cmdlet.rows for one in codes(row["Field"])]
    named = {one for one in cells if re.match(r"\w+(?<!Service)\.\w", one)}
    assert sorted(named - fields_of(cmdlet.rpc)) == []


@BY_NAME
def test_a_parameter_has_a_word_of_that_command(cmdlet: Cmdlet) -> None:
    named = {one.split()[0] for row in cmdlet.rows for one in codes(row["Command line"])}

    assert sorted(named - words_of(commands()[cmdlet.command])) == []


@BY_NAME
def test_a_value_of_an_enum_is_one_of_it(cmdlet: Cmdlet) -> None:
    values = {value for file in FILES for enum in _enums(file) for value in enum.values_by_name}

    named = {one for row in cmdlet.rows for one in codes(row["Field"]) if one.isupper()}
    assert named <= values


def test_the_choices_of_the_collection_type_are_those_of_the_command() -> None:
    rows = table(DOCUMENT, "`New-RDSessionCollection`").rows
    named = {
        code(row["Command line"]).split()[1] for row in rows if "--type" in row["Command line"]
    }

    (option,) = (one for one in commands()["collection create"].params if "--type" in one.opts)
    assert isinstance(option.type, click.Choice)
    assert named == set(option.type.choices)


def test_every_command_that_the_text_names_exists() -> None:
    named = set(re.findall(r"`deskhold ([\w -]+)`", TEXT))

    assert named == set(commands())


def test_every_rpc_that_the_text_names_exists_and_none_is_missing() -> None:
    named = set(re.findall(r"`(\w+Service\.\w+)`", TEXT))

    assert named == set(RPCS) - ONLY_FOR_PROGRAMS


def test_every_field_that_the_text_names_exists() -> None:
    named = set(re.findall(r"`([A-Z]\w+Request\.\w+)`", TEXT))

    assert sorted(named - set().union(*map(fields_of, RPCS))) == []


def test_every_option_that_the_text_names_exists() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", TEXT))

    assert sorted(named - set().union(*map(words_of, commands().values()))) == []


def test_the_built_in_roles_of_the_source_are_those_of_the_service() -> None:
    said = {
        (row["Role"], code(row["Id"]), tuple(codes(row["Actions"])))
        for row in table(DOCUMENT, "Built-in roles").rows
    }

    roles = {(role.display_name, role.id, role.permissions[0].actions) for role in BUILT_IN_ROLES}
    assert said <= roles
    assert len(said) == 4
    for name in {role.display_name for role in BUILT_IN_ROLES}:
        assert name in " ".join(TEXT.split())


def _enums(file: Any) -> list[Any]:
    return list(file.DESCRIPTOR.enum_types_by_name.values())
