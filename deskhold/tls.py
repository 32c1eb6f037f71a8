"""TLS for both ends of a call, from PEM files. There is no plaintext, not on loopback either."""

from __future__ import annotations

from pathlib import Path

import grpc

from deskhold import errors


def client_credentials(
    ca_file: str | Path, *, cert_file: str | Path | None = None, key_file: str | Path | None = None
) -> grpc.ChannelCredentials:
    """Return what a client shows and trusts.

    Args:
        ca_file: The authorities that may have signed the server's
            certificate; no others are trusted.
        cert_file: The client's own certificate chain, where the server asks for one.
        key_file: Its private key; goes with `cert_file`.

    Raises:
        Unavailable: A file cannot be read (TLS_FILE_UNREADABLE); says which.
        ValueError: One of `cert_file` and `key_file` is given without the other.
    """
    if (cert_file is None) != (key_file is None):
        raise ValueError("a client certificate needs both cert_file and key_file")
    return grpc.ssl_channel_credentials(
        root_certificates=_read(ca_file),
        private_key=None if key_file is None else _read(key_file),
        certificate_chain=None if cert_file is None else _read(cert_file),
    )


def server_credentials(
    cert_file: str | Path, key_file: str | Path, *, client_ca_file: str | Path | None = None
) -> grpc.ServerCredentials:
    """Return what a server shows, and asks for.

    Args:
        cert_file: The server's certificate chain.
        key_file: Its private key.
        client_ca_file: With it, only clients with a certificate of these authorities get in; gRPC
            for Python cannot ask for a certificate without insisting on one.

    Raises:
        Unavailable: A file cannot be read (TLS_FILE_UNREADABLE); says which.
    """
    return grpc.ssl_server_credentials(
        [(_read(key_file), _read(cert_file))],
        root_certificates=None if client_ca_file is None else _read(client_ca_file),
        require_client_auth=client_ca_file is not None,
    )


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise errors.Unavailable(
            f"{path} cannot be read ({error.strerror}); it is needed for TLS",
            reason="TLS_FILE_UNREADABLE",
            metadata={"file": str(path)},
        ) from error
