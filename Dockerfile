# syntax=docker/dockerfile:1
# The version that takes the fewest instructions of those that are tested: see docs/performance.md.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# `--build-arg TRACING=yes` adds OpenTelemetry: see docs/tracing.md.
ARG TRACING=no
WORKDIR /src
RUN python -m venv /opt/gateway
COPY requirements/run.txt requirements/build.txt requirements/tracing.txt requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && /opt/gateway/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt \
 && if [ "$TRACING" = yes ]; then \
      /opt/gateway/bin/pip install --no-cache-dir --require-hashes -r requirements/tracing.txt; \
    fi
COPY pyproject.toml README.md LICENSE ./
COPY requirements/run.in requirements/tracing.in requirements/
COPY gateway gateway
COPY adapters adapters
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/gateway/bin/pip install --no-cache-dir --no-deps /tmp/wheel/*.whl

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /var/lib/mm-gateway --create-home gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MM_GATEWAY_CONFIG=/etc/mm-gateway/gateway.yaml
USER 10001
WORKDIR /var/lib/mm-gateway
VOLUME /var/lib/mm-gateway
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Asks wherever the configuration says the admin listener is.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["mm-gateway", "health"]
ENTRYPOINT ["mm-gateway"]
CMD ["serve"]
