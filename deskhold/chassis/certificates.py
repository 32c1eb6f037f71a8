"""The server's certificates, as the handshakes of new connections use them."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc
from cryptography import x509

from deskhold.chassis.settings import ServerSettings, SettingsError


class Certificates:
    """The server's certificate with its key, and the authority of its clients.

    Args:
        settings: Where their files are.

    Raises:
        SettingsError: Certificate and key are no pair, or a file cannot be read.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._plain, self._mutual = self._read()

    @property
    def expiry(self) -> dict[str, float]:
        """When the certificates expire, in seconds since the epoch: `server` and `authority`."""
        return self._expiry

    def reload(self) -> None:
        """Read the files again; connections that are open keep what they began with.

        Raises:
            SettingsError: They cannot be used; the former stay in use.
        """
        self._plain, self._mutual = self._read()

    def credentials(self, *, mutual: bool) -> grpc.ServerCredentials:
        """Return credentials that use what was read last, at each handshake.

        gRPC replaces its TLS factory whenever the function below returns a configuration, while
        handshakes of other threads may use the old one, which can crash the process (grpcio
        1.85.1). So it returns one only after a reload: of about 600 reloads among 350 handshakes a
        second one crashed, and none of those that returned None.

        Args:
            mutual: Whether clients must show a certificate.
        """
        used = self._mutual if mutual else self._plain

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal used
            newest = self._mutual if mutual else self._plain
            if newest is used:
                return None
            used = newest
            return newest

        return grpc.dynamic_ssl_server_credentials(
            used,
            changed,  # type: ignore[arg-type]  # gRPC documents None: nothing has changed
            require_client_authentication=mutual,
        )

    def _read(self) -> tuple[grpc.ServerCertificateConfiguration, ...]:
        settings = self._settings
        _check_pair(settings.tls_cert_file, settings.tls_key_file)
        try:
            pair = (settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())
            authority = settings.ca_file.read_bytes()
            self._expiry = {"server": _expiry(pair[1]), "authority": _expiry(authority)}
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cafile=settings.ca_file)
        except ssl.SSLError as error:
            raise SettingsError(f"{settings.ca_file} holds no certificate in PEM") from error
        except (OSError, ValueError) as error:
            raise SettingsError(f"a certificate cannot be read: {error}") from error
        return (
            grpc.ssl_server_certificate_configuration([pair]),
            grpc.ssl_server_certificate_configuration([pair], authority),
        )


def _expiry(pem: bytes) -> float:
    """Return when the first certificate of a file expires, in seconds since the epoch."""
    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.timestamp()


def _check_pair(cert_file: Path, key_file: Path) -> None:
    """Refuse a key that is none or another certificate's; grpc would blame the address for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password of ours, OpenSSL asks the terminal for that of an encrypted key.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        problem = (
            f"is not the key of the certificate {cert_file}"
            if error.reason == "KEY_VALUES_MISMATCH"
            else "holds no unencrypted private key in PEM"
        )
        raise SettingsError(f"{key_file} {problem}") from error
    except OSError as error:
        raise SettingsError(f"{key_file} or {cert_file} cannot be read: {error}") from error
