from pathlib import Path

import broker_service
import rbac_service

BROKER_MIGRATIONS = Path(broker_service.__file__).parent / "migrations"
RBAC_MIGRATIONS = Path(rbac_service.__file__).parent / "migrations"
