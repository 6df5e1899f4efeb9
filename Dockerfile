# The operator's image. The context is the repository's root: `docker build --tag idla/operator:dev .`
# A package index and a certificate authority of your own come as build arguments: PIP_INDEX_URL, PIP_CERT, SSL_CERT_FILE …
ARG BASE=docker.io/library/debian:bookworm-slim@sha256:7c7b2c966bc9ee8cedfeef67e0e279108992c77681fa595db4a9d65c06ccc587
# Every stage may be replaced by an image that was built from it before.
ARG PYTHON=python
ARG INSTALLER=installer
ARG OPERATOR_PACKAGES=operator-packages

FROM ${BASE} AS python
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/*.log \
 && groupadd --gid 10001 idla \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin idla

FROM ${PYTHON} AS installer
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-pip \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv --without-pip /opt/idla/python \
 && echo /opt/idla/code > /opt/idla/python/lib/python3.11/site-packages/idla.pth

FROM ${INSTALLER} AS operator-installed
ARG PIP_CERT
ARG SSL_CERT_FILE
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
COPY requirements/operator.txt /build/requirements.txt
# Unchecked: the image's files never change, and a clock or a copy that does not keep times costs nothing.
RUN python3 -m pip --python /opt/idla/python install --no-cache-dir --no-compile --only-binary :all: \
      --require-hashes --requirement /build/requirements.txt \
 && /opt/idla/python/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/idla/python/lib

FROM ${PYTHON} AS operator-packages
COPY --from=operator-installed /opt/idla/python /opt/idla/python

FROM ${OPERATOR_PACKAGES} AS operator
ARG IDLA_IMAGE=
ENV IDLA_IMAGE=${IDLA_IMAGE}
COPY trainer-image/contract/idla_contract /opt/idla/code/idla_contract
COPY operator/idla /opt/idla/code/idla
COPY operator/idla_operator /opt/idla/code/idla_operator
RUN /opt/idla/python/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/idla/code
USER 10001:10001
WORKDIR /tmp
# Unbuffered: -I ignores PYTHONUNBUFFERED, and a log must not wait for a full buffer.
ENTRYPOINT ["/opt/idla/python/bin/python3", "-u"]
CMD ["-I", "-m", "idla_operator"]
