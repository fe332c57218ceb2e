# syntax=docker/dockerfile:1

# The image of Vestibule: Python, the locked dependencies and the program, no build tools.
# docker build --tag vestibule --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .

# The version that the tests run on.
ARG PYTHON=3.11
ARG DEBIAN=bookworm

FROM python:${PYTHON}-slim-${DEBIAN} AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/vestibule
RUN pip install --no-cache-dir --root-user-action=ignore "uv==0.13.9"
# What speaks LDAP is compiled; Debian keeps no former versions that could be pinned.
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -qy --no-install-recommends gcc libc6-dev libldap-dev libsasl2-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The dependencies are a layer of their own: they change less often than the program.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --extra server --extra ldap --no-install-project
COPY README.md LICENSE NOTICE ./
COPY src src
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --extra server --extra ldap --no-editable

FROM python:${PYTHON}-slim-${DEBIAN}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Vestibule" \
      org.opencontainers.image.description="The self-hosted sign-in service for platforms whose users belong to organizations." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# By their names in bookworm.
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -qy --no-install-recommends libldap-2.5-0 libsasl2-2 \
    && rm -rf /var/lib/apt/lists/*
# Nobody installs anything in a running container. A number as the user lets Kubernetes see that
# it is not root.
RUN pip uninstall --yes --root-user-action=ignore setuptools wheel pip \
    && groupadd --gid 10001 vestibule \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin vestibule \
    && install --directory --mode=0700 --owner=10001 --group=10001 /data
COPY --from=build /opt/vestibule /opt/vestibule
ENV PATH=/opt/vestibule/bin:$PATH \
    HOME=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VESTIBULE_DATA_DIR=/data \
    VESTIBULE_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
# All that is ever written, and only where the database is the embedded one or no secret key is
# set. The rest of the file system can be read-only.
VOLUME /data
EXPOSE 8000
# The program handles it as the first process, too: no other init is needed.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["vestibule", "health"]
ENTRYPOINT ["vestibule"]
CMD ["serve"]
