r"""Principals and their aliases.

`CONTOSO\alice` and `alice@contoso.com` name the same user when the deployment maps the domain
`CONTOSO` to `contoso.com`. Names of users compare without case, after Unicode normalisation; ids of
groups and service principals are opaque and compare exactly. Principals of different kinds or
directories are never the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from deskhold.errors import InvalidArgument

MAX_LENGTH = 256


class PrincipalKind(Enum):
    """The kinds of principal."""

    USER = "user"
    GROUP = "group"
    SERVICE_PRINCIPAL = "service_principal"


class UserNameFormat(Enum):
    """How a user's name is spelled."""

    AS_ASSIGNED = "AS_ASSIGNED"
    UPN = "UPN"
    NETBIOS = "NETBIOS"
    BARE = "BARE"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that can hold a role.

    Attributes:
        kind: What it is.
        id: Its id as given.
        directory: The issuer or directory tenant it comes from; empty for the deployment's own.
    """

    kind: PrincipalKind
    id: str
    directory: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"


@dataclass(frozen=True, slots=True)
class Domains:
    """The deployment's map from NetBIOS domains to DNS domains; both compare without case."""

    dns_by_netbios: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Domains:
        """Read `CONTOSO=contoso.com,FABRIKAM=fabrikam.com`.

        Raises:
            ValueError: A part is no pair.
        """
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        for netbios, equals, dns in pairs:
            if not (netbios.strip() and equals and dns.strip()):
                raise ValueError("is not of the form 'CONTOSO=contoso.com,FABRIKAM=fabrikam.com'")
        return cls({_fold(netbios): _fold(dns) for netbios, _, dns in pairs})

    def user_key(self, user: str, *, field: str = "user") -> str:
        r"""Return the form in which a user is compared and stored beside what was given.

        Raises:
            InvalidArgument: It is neither `DOMAIN\user` nor `user@domain`.
        """
        try:
            account, separator, domain = _split(user)
        except ValueError as error:
            raise InvalidArgument.of_field(field, str(error)) from None
        if separator == "@":
            return f"{account}@{domain}"
        dns = self.dns_by_netbios.get(domain)
        return f"{account}@{dns}" if dns else f"{domain}\\{account}"

    def spell(self, user: str, format: UserNameFormat) -> str:
        r"""Return a user's name in a format; as given where the map does not know its domain.

        The account keeps its case; domains are written as Windows does, NetBIOS names in upper
        case. Except without its domain, the result names the same user (`user_key`).

        Args:
            user: `DOMAIN\user` or `user@domain`.
            format: How to write it.
        """
        domain, backslash, account = user.partition("\\")
        if not backslash:
            account, _, domain = user.partition("@")
        account, domain = account.strip(), _fold(domain)
        if format is UserNameFormat.BARE:
            return account
        # A NetBIOS name stands before a backslash only, a DNS name behind an at sign.
        dns = self.dns_by_netbios.get(domain, "") if backslash else domain
        names = [netbios for netbios, known in self.dns_by_netbios.items() if known == dns]
        if format is UserNameFormat.UPN and names:
            return f"{account}@{dns}"
        if format is UserNameFormat.NETBIOS and names:
            # Of several NetBIOS names of a domain, one that was given stays.
            return f"{(domain if backslash else names[0]).upper()}\\{account}"
        return user

    def key(self, principal: Principal, *, field: str = "principal.id") -> str:
        """Return the form in which any principal is compared: kind, id and directory in one string.

        Raises:
            InvalidArgument: Its id cannot be one of its kind.
        """
        for text in (principal.id, principal.directory):
            if len(text) > MAX_LENGTH or not text.isprintable():
                raise InvalidArgument.of_field(field, f"needs 1-{MAX_LENGTH} printable characters")
        if not principal.id:
            raise InvalidArgument.of_field(field, "is empty")
        is_user = principal.kind is PrincipalKind.USER
        own = self.user_key(principal.id, field=field) if is_user else principal.id
        # The tab keeps id and directory apart: neither may hold one.
        directory = f"\t{principal.directory}" if principal.directory else ""
        return f"{principal.kind.value}:{own}{directory}"


@lru_cache(maxsize=16384)
def _split(user: str) -> tuple[str, str, str]:
    """Return account, separator and domain; what is refused is not remembered, however long."""
    # What was given counts, not what is compared: it is shown and written into files as it is.
    if len(user) > MAX_LENGTH or not user.isprintable():
        raise ValueError(f"{user[:80]!r} has more than {MAX_LENGTH} or unprintable characters")
    folded = _fold(user)
    domain, backslash, account = map(str.strip, folded.partition("\\"))
    if backslash and domain and account and not set(account) & set("\\/@"):
        return account, backslash, domain
    account, at, domain = map(str.strip, folded.partition("@"))
    if at and account and domain and not set(folded) & set("\\/") and "@" not in domain:
        return account, at, domain
    raise ValueError(f"{user!r} is neither 'DOMAIN\\user' nor 'user@domain'")


def _fold(text: str) -> str:
    # Nearly every name is ASCII, where normalising changes nothing and costs most of the time.
    if text.isascii():
        return text.strip().lower()
    # Not NFKC, not casefold(): both merge names that a directory keeps apart ("strauß" and
    # "strauss").
    lower = unicodedata.normalize("NFC", text.strip()).lower()
    # Some letters have a composed form in lower case only ("\u01f0").
    return unicodedata.normalize("NFC", lower)
