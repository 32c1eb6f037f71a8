"""The text of `deskhold.env`: what the two services, the command line and the SDK agree on."""

from __future__ import annotations

from deskhold.embedded.authority import identity_of
from deskhold.embedded.paths import Home


def text(home: Home, base_port: int) -> str:
    """Return the settings: the broker listens on `base_port`, rbac on the next two."""
    broker, rbac, rbac_services = range(base_port, base_port + 3)
    return f"""\
# Settings of this deskhold deployment, made at its first start and never changed by it afterwards.
# Both services, the command line and the SDK read them; an environment variable wins.

# Where clients dial, and the authority whose certificates they trust there.
DESKHOLD_BROKER_ADDRESS=localhost:{broker}
DESKHOLD_RBAC_ADDRESS=localhost:{rbac}
DESKHOLD_CA_FILE={home.ca_file}

# Bearer tokens of people: who issues them, for whom, and the public key they are checked with.
DESKHOLD_TOKEN_ISSUER=https://deskhold.local
DESKHOLD_TOKEN_AUDIENCE=deskhold
DESKHOLD_TOKEN_JWKS_FILE={home.jwks_file}

# The local issuer's private key: whoever can read it can sign in as anybody.
DESKHOLD_ISSUER_KEY_FILE={home.issuer_key_file}

# The secret with which both services sign page tokens.
DESKHOLD_PAGE_KEY_FILE={home.page_key_file}

# NetBIOS domains and their DNS names: CONTOSO\\alice and alice@contoso.com are one user.
DESKHOLD_DOMAINS=CONTOSO=contoso.com

# The broker: where it listens, its database and certificate, and where it asks rbac.
DESKHOLD_BROKER_LISTEN=127.0.0.1:{broker}
DESKHOLD_BROKER_DATABASE_URL=sqlite:///{home.database_file("broker")}
DESKHOLD_BROKER_TLS_CERT_FILE={home.tls_file("broker")}
DESKHOLD_BROKER_TLS_KEY_FILE={home.tls_key_file("broker")}
DESKHOLD_BROKER_AUTHORITY_ADDRESS=localhost:{rbac_services}

# The certificate and key that sign .rdp files; without them Windows warns of each file.
DESKHOLD_BROKER_RDP_SIGNING_FILE={home.rdp_signing_file}

# rbac: where people reach it (TLS, bearer token) and where services do (mutual TLS),
# its database and certificate, and the one service that may ask about others.
DESKHOLD_RBAC_LISTEN=127.0.0.1:{rbac}
DESKHOLD_RBAC_SERVICE_LISTEN=127.0.0.1:{rbac_services}
DESKHOLD_RBAC_DATABASE_URL=sqlite:///{home.database_file("rbac")}
DESKHOLD_RBAC_TLS_CERT_FILE={home.tls_file("rbac")}
DESKHOLD_RBAC_TLS_KEY_FILE={home.tls_key_file("rbac")}
DESKHOLD_RBAC_ENFORCEMENT_POINT={identity_of("broker")}
"""
