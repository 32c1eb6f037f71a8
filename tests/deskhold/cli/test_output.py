"""Five forms of output."""

from __future__ import annotations

import json

import pytest
import yaml

from deskhold.api.broker.v1.collections_pb2 import COLLECTION_TYPE_PERSONAL, Collection
from deskhold.cli.output import Column, View, last_segment, record, show, show_all, without

VIEW = View(
    (
        Column("name", "NAME", last_segment),
        Column("type", "TYPE", without("COLLECTION_TYPE_")),
        Column("auto_assign_user", "AUTO"),
        Column("create_time", "CREATED"),
    )
)
ENG = Collection(name="t/collections/eng", type=COLLECTION_TYPE_PERSONAL, auto_assign_user=True)
ENG.create_time.FromSeconds(1_767_225_600)
OPS = Collection(name="t/collections/ops-long", description='says "hi", twice')

Out = pytest.CaptureFixture[str]


def test_a_table_off_a_terminal_is_aligned_text(capsys: Out) -> None:
    show_all([record(ENG), record(OPS)], VIEW, "table")

    assert capsys.readouterr().out.splitlines() == [
        "NAME      TYPE      AUTO  CREATED",
        "eng       personal  yes   2026-01-01T00:00:00Z",
        "ops-long            no",
    ]


def test_a_single_thing_is_a_line_for_each_column(capsys: Out) -> None:
    show(record(ENG), VIEW, "table")

    assert capsys.readouterr().out.splitlines() == [
        "NAME:     eng",
        "TYPE:     personal",
        "AUTO:     yes",
        "CREATED:  2026-01-01T00:00:00Z",
    ]


def test_json_has_proto_names_iso_times_and_what_is_not_set(capsys: Out) -> None:
    show_all([record(ENG)], VIEW, "json")

    (one,) = json.loads(capsys.readouterr().out)
    assert one["auto_assign_user"] is True
    assert one["grant_administrative_privilege"] is False
    assert one["host_count"] == 0
    assert one["type"] == "COLLECTION_TYPE_PERSONAL"
    assert one["create_time"] == "2026-01-01T00:00:00Z"


def test_a_single_thing_is_an_object_in_json_and_yaml(capsys: Out) -> None:
    show(record(ENG), VIEW, "json")
    as_json = json.loads(capsys.readouterr().out)
    show(record(ENG), VIEW, "yaml")
    as_yaml = yaml.safe_load(capsys.readouterr().out)

    assert as_json == as_yaml == record(ENG)


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_empty_list_is_an_empty_list(form: str, capsys: Out) -> None:
    show_all([], VIEW, form)

    assert capsys.readouterr().out == "[]\n"


def test_an_empty_table_is_its_headings_and_no_names_are_nothing(capsys: Out) -> None:
    show_all([], VIEW, "table")
    assert capsys.readouterr().out == "NAME  TYPE  AUTO  CREATED\n"

    show_all([], VIEW, "csv")
    assert capsys.readouterr().out == "name,type,auto_assign_user,create_time\n"

    show_all([], VIEW, "name")
    assert capsys.readouterr().out == ""


def test_csv_has_proto_names_and_whole_values(capsys: Out) -> None:
    view = View((*VIEW.columns[:3], Column("description", "D"), Column("a.b", "B")))
    show_all([record(ENG), record(OPS, a={"b": [1]})], view, "csv")

    assert capsys.readouterr().out.splitlines() == [
        "name,type,auto_assign_user,description,a_b",
        "t/collections/eng,COLLECTION_TYPE_PERSONAL,true,,",
        't/collections/ops-long,COLLECTION_TYPE_UNSPECIFIED,false,"says ""hi"", twice",[1]',
    ]


def test_no_spreadsheet_runs_a_cell_of_csv_as_a_formula(capsys: Out) -> None:
    view = View((Column("description", "D"), Column("count", "C")))
    show_all(
        [{"description": "=1+1", "count": -1}, {"description": "a=b", "count": 1}], view, "csv"
    )

    assert capsys.readouterr().out.splitlines() == ["description,count", "'=1+1,-1", "a=b,1"]


def test_name_is_one_full_name_a_line(capsys: Out) -> None:
    show_all([record(ENG), record(OPS)], VIEW, "name")

    assert capsys.readouterr().out == "t/collections/eng\nt/collections/ops-long\n"
