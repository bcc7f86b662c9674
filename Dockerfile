# One file, three images: --target api, worker or traffic. Each holds contract/ and its own service, nothing else.
FROM python:3.11.16-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN groupadd --gid 10001 pipeline \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pipeline
WORKDIR /app

FROM base AS api
COPY requirements/api.txt requirements/
RUN pip install --require-hashes --requirement requirements/api.txt
COPY contract contract/
COPY api api/
COPY docker/own-spool /usr/local/bin/
# A named volume takes its owner from the folder it is first mounted on.
RUN install --directory --owner=pipeline --group=pipeline /var/lib/spool
ENV SPOOL_PATH=/var/lib/spool/events.db
USER pipeline
CMD ["own-spool", "python", "-m", "api"]

FROM base AS worker
COPY requirements/worker.txt requirements/
RUN pip install --require-hashes --requirement requirements/worker.txt
COPY contract contract/
COPY worker worker/
USER pipeline
CMD ["python", "-m", "worker"]

FROM base AS traffic
COPY requirements/traffic.txt requirements/
RUN pip install --require-hashes --requirement requirements/traffic.txt
COPY contract contract/
COPY traffic traffic/
USER pipeline
ENTRYPOINT ["python", "traffic/simulate.py"]
