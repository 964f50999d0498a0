# syntax=docker/dockerfile:1
# The version that takes the fewest instructions of those that are tested: see docs/performance.md.
ARG PYTHON_IMAGE=python:3.13-slim
# The time that files are said to be of, so that the same sources make the same image. A wheel can be no older than 1980.
ARG SOURCE_DATE_EPOCH=315532800

FROM ${PYTHON_IMAGE} AS build
ARG SOURCE_DATE_EPOCH
# `--build-arg TRACING=yes` adds OpenTelemetry: see docs/tracing.md.
ARG TRACING=no
# Sets are written into .pyc files in the order of their hashes.
ENV PYTHONHASHSEED=0 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv /opt/gateway
COPY requirements/run.txt requirements/build.txt requirements/tracing.txt requirements/
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
 && /opt/gateway/bin/pip install --require-hashes -r requirements/run.txt \
 && if [ "$TRACING" = yes ]; then /opt/gateway/bin/pip install --require-hashes -r requirements/tracing.txt; fi
COPY pyproject.toml README.md LICENSE ./
COPY requirements/run.in requirements/tracing.in requirements/
COPY gateway gateway
COPY adapters adapters
# What `mm-gateway --version` calls the build: where both are given. The context of a release brings its own.
ARG REVISION=unknown
RUN if [ "$REVISION" != unknown ] && [ "$SOURCE_DATE_EPOCH" != 315532800 ]; then \
      date -u -d "@$SOURCE_DATE_EPOCH" "+COMMIT = \"$REVISION\"%nDATE = \"%Y-%m-%dT%H:%M:%S+00:00\"" > gateway/_build.py; \
    fi
# A .pyc that names the time of its source would be out of date in an image whose files have another.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/gateway/bin/pip install --no-deps /tmp/wheel/*.whl \
 && find /opt/gateway -name __pycache__ -prune -exec rm -r {} + \
 && /opt/gateway/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/gateway/lib

FROM ${PYTHON_IMAGE}
ARG VERSION=local
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="mm-gateway" \
      org.opencontainers.image.description="Wallet gateway: between a game and the operators whose wallets hold its players' money" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
COPY --from=build /opt/gateway /opt/gateway
# No user is made: any id will do. Of group 0, as on OpenShift, it can also write where nothing is mounted.
RUN install -d -m 0770 -o 10001 -g 0 /var/lib/mm-gateway
ENV PATH=/opt/gateway/bin:$PATH \
    HOME=/var/lib/mm-gateway \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MM_GATEWAY_CONFIG=/etc/mm-gateway/gateway.yaml
USER 10001:0
WORKDIR /var/lib/mm-gateway
VOLUME /var/lib/mm-gateway
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Asks wherever the configuration says the admin listener is.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["mm-gateway", "health"]
ENTRYPOINT ["mm-gateway"]
CMD ["serve"]
