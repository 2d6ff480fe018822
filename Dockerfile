# The image of docker-compose.yml: `runner` with all extras, Prefect's server among them. Versions are those of uv.lock.
# The target `browser` has Chromium too, for WebContainers: docker build --target browser .

FROM node:22.20.0-bookworm-slim AS pages
WORKDIR /source
COPY web web
COPY scripts/web.sh scripts/web.sh
RUN CI=true sh scripts/web.sh build

FROM debian:12.11-slim AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /tools && /tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/runner UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /source
COPY pyproject.toml uv.lock ./
RUN /tools/bin/uv sync --quiet --frozen --all-extras --no-dev --no-install-project
COPY README.md LICENSE ./
COPY schemas schemas
COPY specs specs
COPY docs/checks.md docs/checks.md
COPY flows flows
COPY runner runner
COPY --from=pages /source/runner/data/web runner/data/web
RUN /tools/bin/uv sync --quiet --frozen --all-extras --no-dev --no-editable

FROM debian:12.11-slim AS runner
# Boxes have the programs of this image: Python with pip, git, curl, make. mke2fs makes their disks.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ca-certificates curl e2fsprogs git make python3 python3-pip python3-venv >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /tmp --no-create-home --shell /usr/sbin/nologin runner \
    && mkdir -p /project /var/lib/runner /var/lib/e2b \
    && chown runner:runner /var/lib/runner /var/lib/e2b
COPY --from=build /opt/runner /opt/runner
ENV PATH=/opt/runner/bin:$PATH HOME=/tmp LANG=C.UTF-8 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /project
CMD ["runner", "worker"]

FROM runner AS browser
USER root
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium nodejs npm >/dev/null \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
