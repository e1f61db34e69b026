# An image for each service: docker build --target web .    (targets: producer inserter aggregator web sim operator, and dev)
#
# Each is the same base, the locked packages of its own extra (requirements/TARGET.txt), and the same layer with rtchart itself.

ARG PYTHON=python:3.13-slim
ARG NODE=node:22-slim

# --- rtchart itself -----------------------------------------------------------------------------------------------------

# What the page is built of and with, as package-lock.json pins it.
FROM ${NODE} AS modules
WORKDIR /src
COPY .npmrc package.json package-lock.json ./
RUN --mount=type=cache,target=/cache npm ci --cache /cache --omit=dev --ignore-scripts --loglevel=error

FROM ${PYTHON} AS builder
ENV PIP_CACHE_DIR=/cache PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements requirements

FROM builder AS rtchart
RUN --mount=type=cache,target=/cache python -m venv /build && /build/bin/pip install --require-hashes -r requirements/build.txt
COPY --from=modules /src/node_modules node_modules
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY scripts/page.py scripts/
COPY services services
COPY operator operator
RUN python scripts/page.py bundle \
    && /build/bin/python -m build --wheel --no-isolation --outdir /wheel >/dev/null \
    && pip install --no-deps --target /rtchart /wheel/*.whl

# --- The packages of each service ---------------------------------------------------------------------------------------
# pip compiles them, as it does rtchart: with a read-only root no bytecode could be kept.

FROM builder AS packages
ENV PIP_REQUIRE_HASHES=1 PIP_TARGET=/packages

FROM packages AS packages-producer
RUN --mount=type=cache,target=/cache pip install -r requirements/producer.txt

FROM packages AS packages-inserter
RUN --mount=type=cache,target=/cache pip install -r requirements/inserter.txt

FROM packages AS packages-aggregator
RUN --mount=type=cache,target=/cache pip install -r requirements/aggregator.txt

FROM packages AS packages-web
RUN --mount=type=cache,target=/cache pip install -r requirements/web.txt

FROM packages AS packages-sim
RUN --mount=type=cache,target=/cache pip install -r requirements/sim.txt

FROM packages AS packages-operator
RUN --mount=type=cache,target=/cache pip install -r requirements/operator.txt

# --- The images ---------------------------------------------------------------------------------------------------------

FROM ${PYTHON} AS base
ENV PATH=/rtchart/bin:$PATH \
    PYTHONPATH=/rtchart:/packages \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RTCHART_ADMIN_PORT=0.0.0.0:9090
# Debian's su, mount and the like run as root whoever starts them; nothing here starts them.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +
# A number, so that Kubernetes sees that it is not root; nothing is written, so it owns nothing.
USER 65532:65532
WORKDIR /
EXPOSE 9090
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.description="Live candlesticks from an exchange to a browser, kept whole" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM base AS producer
LABEL org.opencontainers.image.title="rtchart-producer"
COPY --from=packages-producer /packages /packages
COPY --from=rtchart /rtchart /rtchart
ENTRYPOINT ["rtchart", "producer"]

FROM base AS inserter
LABEL org.opencontainers.image.title="rtchart-inserter"
COPY --from=packages-inserter /packages /packages
COPY --from=rtchart /rtchart /rtchart
ENTRYPOINT ["rtchart", "inserter"]

FROM base AS aggregator
LABEL org.opencontainers.image.title="rtchart-aggregator"
COPY --from=packages-aggregator /packages /packages
COPY --from=rtchart /rtchart /rtchart
ENTRYPOINT ["rtchart", "aggregator"]

FROM base AS web
LABEL org.opencontainers.image.title="rtchart-web"
ENV RTCHART_HOST=0.0.0.0
EXPOSE 8000
COPY --from=packages-web /packages /packages
COPY --from=rtchart /rtchart /rtchart
ENTRYPOINT ["rtchart", "web"]

FROM base AS sim
LABEL org.opencontainers.image.title="rtchart-sim"
ENV RTCHART_HOST=0.0.0.0
EXPOSE 9010
COPY --from=packages-sim /packages /packages
COPY --from=rtchart /rtchart /rtchart
ENTRYPOINT ["rtchart", "exchange"]

# Carries `rtchart migrate` too.
FROM base AS operator
LABEL org.opencontainers.image.title="rtchart-operator"
COPY --from=packages-operator /packages /packages
COPY --from=rtchart /rtchart /rtchart
ENTRYPOINT ["rtchart-operator"]

# --- For `skaffold dev` -------------------------------------------------------------------------------------------------
# One image for all services. Its sources are copied to /src, a volume (skaffold.yaml), since the root file system is read only:
# what is changed there starts the service anew.

FROM packages AS packages-dev
RUN --mount=type=cache,target=/cache pip install -r requirements/reload.txt

FROM base AS dev
COPY --from=packages-dev /packages /packages
COPY --from=rtchart /src/services /built/services
COPY --from=rtchart /src/operator /built/operator
ARG COMMAND="rtchart web"
ENV COMMAND=${COMMAND} PATH=/packages/bin:$PATH PYTHONPATH=/src/services:/src/operator:/built/services:/built/operator:/packages RTCHART_HOST=0.0.0.0
EXPOSE 8000 9010
ENTRYPOINT ["/bin/sh", "-c", "cp -r /built/. /src/ && exec python -m watchfiles --filter python --sigint-timeout 10 \"python -m ${COMMAND}\" /src/services /src/operator"]
