from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deskhold.errors import InvalidArgument
from deskhold.identities import MAX_LENGTH, Domains, Principal, PrincipalKind, UserNameFormat

DOMAINS = Domains.parse("CONTOSO=contoso.com, Fabrikam = FABRIKAM.example")
USER, GROUP, SERVICE = PrincipalKind.USER, PrincipalKind.GROUP, PrincipalKind.SERVICE_PRINCIPAL


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CONTOSO\\alice", "alice@contoso.com"),
        ("CONTOSO\\alice", "contoso\\ALICE"),
        ("Alice@Contoso.com", "alice@contoso.com"),
        ("FABRIKAM\\bob", "bob@fabrikam.EXAMPLE"),
        ("  alice@contoso.com ", "alice@contoso.com"),
        ("CONTOSO\\ alice", "CONTOSO\\alice"),
        ("CONTOSO \\alice", "CONTOSO\\alice"),
        ("alice @ contoso.com", "alice@contoso.com"),
        ("elsewhere\\Alice", "ELSEWHERE\\alice"),
        ("CONTOSO\\zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", "CONTOSO\\ZOE\u0308"),
        ("\N{LATIN SMALL LETTER J WITH CARON}@contoso.com", "J\u030c@contoso.com"),
        ("\N{LATIN CAPITAL LETTER AE}sa@contoso.com", "\N{LATIN SMALL LETTER AE}sa@contoso.com"),
    ],
)
def test_these_are_one_user(one: str, other: str) -> None:
    assert DOMAINS.user_key(one) == DOMAINS.user_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CONTOSO\\alice", "FABRIKAM\\alice"),
        ("alice@contoso.com", "alice@fabrikam.example"),
        ("elsewhere\\alice", "alice@elsewhere"),
        ("alice@contoso.com", "alice@sub.contoso.com"),
        ("strau\N{LATIN SMALL LETTER SHARP S}@contoso.com", "strauss@contoso.com"),
        ("alice@contoso.com", "\N{CYRILLIC SMALL LETTER A}lice@contoso.com"),
        ("a.lice@contoso.com", "alice@contoso.com"),
    ],
)
def test_these_are_two_users(one: str, other: str) -> None:
    assert DOMAINS.user_key(one) != DOMAINS.user_key(other)


@pytest.mark.parametrize(
    "user",
    [
        "",
        "alice",
        "@contoso.com",
        "alice@",
        "alice@@contoso.com",
        "alice@contoso.com@contoso.com",
        "CONTOSO\\",
        "CONTOSO\\ ",
        "\\alice",
        "CONTOSO\\al\\ice",
        "CONTOSO\\alice@contoso.com",
        "CONTOSO/alice",
        "alice/x@contoso.com",
        "al\nice@contoso.com",
        "al\tice@contoso.com",
        "alice@contoso.com\t",
        "al\0ice@contoso.com",
        "\N{RIGHT-TO-LEFT OVERRIDE}alice@contoso.com",
        "al\N{ZERO WIDTH SPACE}ice@contoso.com",
        "x" * MAX_LENGTH + "@contoso.com",
    ],
)
def test_what_is_no_user_is_refused_with_its_field(user: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        DOMAINS.user_key(user, field="assignment.user")

    assert refused.value.metadata == {"field": "assignment.user"}
    assert len(refused.value.message) < 1000


NAMES = st.text(min_size=1, max_size=20)
USERS = st.one_of(
    st.builds("{}@{}".format, NAMES, st.one_of(NAMES, st.just("contoso.com"))),
    st.builds("{}\\{}".format, st.one_of(NAMES, st.just("CONTOSO")), NAMES),
)


@given(USERS)
@example("J\u030c@x")  # lower case only then has a composed form
@example("CONTOSO\\ a")
@example("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}@x")
def test_a_key_is_the_key_of_itself(user: str) -> None:
    try:
        key = DOMAINS.user_key(user)
    except InvalidArgument:
        return
    assert DOMAINS.user_key(key) == key


@given(st.text("abcXYZ0.-_ äÖé", min_size=1, max_size=20).filter(lambda text: text.strip()))
def test_both_forms_of_a_user_of_a_mapped_domain_are_one(account: str) -> None:
    assert DOMAINS.user_key(f"CONTOSO\\{account}") == DOMAINS.user_key(f"{account}@contoso.com")
    assert DOMAINS.user_key(account.upper() + "@CONTOSO.COM") == DOMAINS.user_key(
        account.lower() + "@contoso.com"
    )


def test_principals_of_different_kinds_or_directories_are_never_the_same() -> None:
    principals = [
        Principal(kind, "x@y", directory)
        for kind in PrincipalKind
        for directory in ("", "tenant-1", "tenant-2")
    ]

    assert len({DOMAINS.key(principal) for principal in principals}) == len(principals)


def test_an_id_cannot_pass_for_an_id_and_a_directory() -> None:
    with pytest.raises(InvalidArgument):
        DOMAINS.key(Principal(GROUP, "group\ttenant-1"))


@pytest.mark.parametrize("kind", [GROUP, SERVICE])
def test_ids_of_groups_and_services_compare_exactly(kind: PrincipalKind) -> None:
    assert DOMAINS.key(Principal(kind, "Id")) != DOMAINS.key(Principal(kind, "id"))


@pytest.mark.parametrize(
    ("principal", "key"),
    [
        (Principal(USER, "CONTOSO\\Alice"), "user:alice@contoso.com"),
        (Principal(GROUP, "G-1"), "group:G-1"),
        (
            Principal(SERVICE, "spiffe://deskhold/broker"),
            "service_principal:spiffe://deskhold/broker",
        ),
        (Principal(USER, "alice@x", "tenant-1"), "user:alice@x\ttenant-1"),
    ],
)
def test_a_key_is_kind_id_and_directory(principal: Principal, key: str) -> None:
    assert DOMAINS.key(principal) == key


@pytest.mark.parametrize(
    "principal",
    [
        Principal(GROUP, ""),
        Principal(GROUP, "x" * (MAX_LENGTH + 1)),
        Principal(GROUP, "g\n"),
        Principal(GROUP, "g", "x" * (MAX_LENGTH + 1)),
        Principal(GROUP, "g", "tenant\n"),
        Principal(USER, "alice"),
    ],
)
def test_a_principal_whose_id_cannot_be_is_refused(principal: Principal) -> None:
    with pytest.raises(InvalidArgument):
        DOMAINS.key(principal)


def test_a_deployment_may_map_no_domain() -> None:
    assert Domains.parse("") == Domains()
    assert Domains().user_key("CONTOSO\\alice") == "contoso\\alice"


@pytest.mark.parametrize("text", ["CONTOSO", "=contoso.com", "CONTOSO=", "A=a.com,B"])
def test_a_map_that_is_no_list_of_pairs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        Domains.parse(text)


CORP = Domains.parse("CORP=contoso.com,CONTOSO=contoso.com")


@pytest.mark.parametrize(
    ("user", "upn", "netbios", "bare"),
    [
        ("alice@contoso.com", "alice@contoso.com", "CORP\\alice", "alice"),
        ("corp\\Alice", "Alice@contoso.com", "CORP\\Alice", "Alice"),
        ("Contoso\\alice", "alice@contoso.com", "CONTOSO\\alice", "alice"),
        # Of another domain, although the map has its words.
        ("contoso.com\\alice", "contoso.com\\alice", "contoso.com\\alice", "alice"),
        ("alice@contoso", "alice@contoso", "alice@contoso", "alice"),
        ("admin@corp\\alice", "admin@corp\\alice", "admin@corp\\alice", "alice"),
        (" CORP \\ alice", "alice@contoso.com", "CORP\\alice", "alice"),
    ],
)
def test_a_user_is_spelled_in_each_format(user: str, upn: str, netbios: str, bare: str) -> None:
    assert CORP.spell(user, UserNameFormat.AS_ASSIGNED) == user
    assert CORP.spell(user, UserNameFormat.UPN) == upn
    assert CORP.spell(user, UserNameFormat.NETBIOS) == netbios
    assert CORP.spell(user, UserNameFormat.BARE) == bare


DOMAIN_NAMES = st.sampled_from(["CORP", "contoso", "contoso.com", "CORP@x", "fabrikam.com"])


@given(DOMAIN_NAMES, st.text("abCÄ .-:", min_size=1, max_size=8).filter(str.strip), st.booleans())
def test_a_user_is_the_same_however_the_name_is_spelled(
    domain: str, account: str, backslash: bool
) -> None:
    user = f"{domain}\\{account}" if backslash else f"{account}@{domain.partition('@')[0]}"

    for format in (UserNameFormat.AS_ASSIGNED, UserNameFormat.UPN, UserNameFormat.NETBIOS):
        assert CORP.user_key(CORP.spell(user, format)) == CORP.user_key(user)
