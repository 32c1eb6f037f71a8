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

        Args:
            mutual: Whether clients must show a certificate.
        """
        served = self._latest(mutual=mutual)

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Return what was read since the last handshake; None stands for no change.

            gRPC replaces its TLS context at each configuration that is returned. Done at every
            handshake, that ends the process: 1.85.1 frees a context that other threads use.
            """
            nonlocal served
            latest = self._latest(mutual=mutual)
            if latest is served:
                return None
            served = latest
            return latest

        return grpc.dynamic_ssl_server_credentials(
            served,
            changed,  # type: ignore[arg-type]  # None is documented, types-grpcio lacks it
            require_client_authentication=mutual,
        )

    def _latest(self, *, mutual: bool) -> grpc.ServerCertificateConfiguration:
        return self._mutual if mutual else self._plain

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
