# One image for both services and the command line; the command says which:
#
#   rbac_service | broker_service | deskhold.embedded init
#
# docker-compose.yml puts them together. hadolint finds nothing here. Each step was run as it stands,
# but outside a container: no container engine was at hand.

FROM python:3.11-slim-bookworm AS build

RUN pip install --no-cache-dir uv==0.13.8

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/deskhold \
    UV_PYTHON_DOWNLOADS=never

WORKDIR /src

# What others wrote changes seldom: a layer of its own.
COPY pyproject.toml uv.lock LICENSE ./
RUN uv sync --locked --no-dev --no-editable --no-install-project --extra server --extra tracing

COPY deskhold deskhold
COPY broker_service broker_service
COPY rbac_service rbac_service
RUN uv sync --locked --no-dev --no-editable --extra server --extra tracing


FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="deskhold" \
      org.opencontainers.image.licenses="Apache-2.0"

# A new volume takes over owner and mode of the directory it is mounted on.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/deskhold

COPY --from=build /opt/deskhold /opt/deskhold

# PYTHONSAFEPATH: nothing is imported from the working directory.
ENV PATH=/opt/deskhold/bin:$PATH \
    DESKHOLD_HOME=/var/lib/deskhold \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1

USER 10001:10001
WORKDIR /var/lib/deskhold
STOPSIGNAL SIGTERM
EXPOSE 7443 7444 7445
ENTRYPOINT ["python", "-m"]
