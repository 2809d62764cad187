# Ray Serve with vLLM: one machine's cluster by itself, or every pod of KubeRay's. From the repository's root:
#
#   make images                     # both images, for a CPU
#   make images HARDWARE=gpu        # with CUDA
#
# The image has the code of our deployments and the workshop's own weights. Other weights come from a volume or the hub.

# Before the first FROM, or no FROM can read it.
ARG HARDWARE=cpu

# --- what each kind of machine needs besides Python -----------------------------------------------------------------

FROM python:3.11-slim-bookworm AS cpu
# vLLM's CPU kernels ask for the machine's memory nodes.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnuma1=2.* \
    && rm -rf /var/lib/apt/lists/*
# vLLM's sampler would compile itself with a C++ compiler, which is not here. Without, sampled answers (top-k, top-p) come
# with a twentieth fewer tokens a second, and greedy ones with as many (5 pairs of runs on one core, the tiny model).
ENV TORCHDYNAMO_DISABLE=1

FROM python:3.11-slim-bookworm AS gpu
# CUDA itself is among the locked packages; the driver is the host's. Triton compiles the launchers of its kernels when it
# first needs them: the one compiler in an image of ours, and only here.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc=4:12.* g++=4:12.* libc6-dev=2.36-* libnuma1=2.* \
    && rm -rf /var/lib/apt/lists/*
# Not NVIDIA_VISIBLE_DEVICES: who starts the container says which GPUs it gets, and without a word it gets none.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CUDA_HOME=/opt/venv/lib/python3.11/site-packages/nvidia/cu13

# --- the locked packages --------------------------------------------------------------------------------------------

FROM python:3.11-slim-bookworm AS packages
ARG HARDWARE
# Where PyTorch's CPU build is, for a pip that does not find it by itself; the Makefile's TORCH_CPU_INDEX.
ARG PIP_EXTRA_INDEX_URL
COPY serving/requirements-${HARDWARE}.txt /tmp/requirements.txt
# The secret is optional: a pip.conf that names another package index.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-deps --only-binary=:all: \
       -r /tmp/requirements.txt

# --- the image ------------------------------------------------------------------------------------------------------

# hadolint ignore=DL3006
FROM ${HARDWARE}
LABEL org.opencontainers.image.title="llm-serving" \
      org.opencontainers.image.version="1.0.0" \
      org.opencontainers.image.description="vLLM on Ray Serve, with the workshop's deployments"

RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /cache --shell /bin/bash app \
    && install --directory --owner=app --group=app --mode=0700 /cache \
    && python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel

COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY serving/ray_serve serving/ray_serve
COPY serving/kubernetes/leave.py serving/kubernetes/leave.py
COPY serving/tiny_model/weights/hf serving/tiny_model/weights/hf
RUN python -m compileall -q -j 0 .

# HOME is where vLLM, Triton and the hub keep what they compiled and downloaded: a volume there saves minutes.
# PYTHONPATH: Ray's workers start elsewhere, and must find our deployments all the same.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/cache

USER 10001:10001
VOLUME ["/cache"]
EXPOSE 8400

# Health is asked for by who runs it: compose.yml on one machine, KubeRay's probes on a cluster. HEALTHCHECK NONE says so.
HEALTHCHECK NONE

# KubeRay puts its own `ray start` in the place of this.
CMD ["python", "-m", "serving.ray_serve", "serving/ray_serve/laptop.yaml", "--port", "8400", "--reachable"]
