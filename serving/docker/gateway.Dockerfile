# The gateway, and what runs from the same packages: the embedded model (python -m serving.local) and the trace receiver
# (python -m serving.traces). From the repository's root:
#
#   docker build -f serving/docker/gateway.Dockerfile -t llm-gateway:1.0.0 .
#
# It runs as a user that owns nothing, and writes to /tmp and /data alone: a root filesystem that is read-only suits it.

FROM python:3.11-slim-bookworm AS packages
# The lock is whole, so nothing is resolved; and nothing is compiled, so no compiler is needed here either. Each package
# must have a hash of the lock.
COPY serving/docker/requirements.txt /tmp/requirements.txt
# The secret is optional: a pip.conf that names another package index.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-deps --only-binary=:all: \
       --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="llm-gateway" \
      org.opencontainers.image.version="1.0.0" \
      org.opencontainers.image.description="An OpenAI-compatible gateway: limits, cache, retries, fallbacks, metrics, traces"

# A number, so that Kubernetes can tell that it is not root. What installs packages goes: nothing here needs it again.
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
    && install --directory --owner=app --group=app --mode=0700 /data \
    && python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel

COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY shared shared
COPY demos demos
COPY serving/local serving/local
COPY serving/traces serving/traces
COPY serving/tiny_model/weights/onnx serving/tiny_model/weights/onnx

# Its bytecode is written now: later nobody may.
RUN python -m compileall -q -j 0 .

# No PYTHONOPTIMIZE: our asserts only state types, and without them a request costs as much CPU as with them (28 pairs of
# runs, median 1.00). Python would also pass over all bytecode written so far, and start with three times the CPU.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    HOST=0.0.0.0 \
    PORT=8000 \
    ENV=production \
    DATABASE_URL=sqlite:////data/workshop.db

USER 10001:10001
VOLUME ["/data"]
EXPOSE 8000

# Alive, not ready: a gateway whose upstream is down still answers from its cache, and must not be started anew.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health\", timeout=2)"]

ENTRYPOINT ["python", "-m", "shared.server", "demos.demo_6_ray_serve_vllm.app:build"]
