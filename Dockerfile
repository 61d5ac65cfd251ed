# One image for every service: `docker run holdfast services.booking`. What it holds is in requirements/services.in.
ARG PYTHON=python:3.12-slim

FROM ${PYTHON} AS build
RUN python -m venv --without-pip /holdfast/venv
COPY requirements/services.txt /tmp/services.txt
# Wheels only, each by its hash: no compiler, and nothing that the lock does not name.
RUN --mount=type=cache,target=/tmp/pip PIP_CACHE_DIR=/tmp/pip \
    python -m pip --python /holdfast/venv/bin/python install --disable-pip-version-check --root-user-action=ignore \
      --require-hashes --only-binary :all: -r /tmp/services.txt
COPY contracts /holdfast/app/contracts
COPY chassis /holdfast/app/chassis
COPY services /holdfast/app/services
# Compiled here: the file system is read-only later.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /holdfast/app

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Holdfast" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 holdfast \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin holdfast \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/holdfast /var/lib/holdfast/keys /var/lib/holdfast/sandbox
COPY --from=build /holdfast /holdfast
ENV PATH=/holdfast/venv/bin:$PATH PYTHONPATH=/holdfast/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /holdfast/app
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]
CMD ["services.gateway"]
# Readiness, by the service's own probe, on the port that every service has in a container.
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["python", "-I", "-S", "/holdfast/app/chassis/probe.py", "8080"]
