from tests.rbac_service.fresh import deployment, keys

__all__ = ["deployment", "keys"]
