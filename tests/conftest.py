from grpc.aio import init_grpc_aio
from hypothesis import settings

# Tests come and go with servers and channels of their own. Without this, gRPC ends its poller with
# the last of them, joined by whatever thread the garbage collector happens to run in: a deadlock.
init_grpc_aio()

# A machine that is busy with something else makes no test fail.
settings.register_profile("deskhold", deadline=None)
settings.load_profile("deskhold")
