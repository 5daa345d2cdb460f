# Doorbuster's programs as they were built on this machine; `cargo xtask test --compose` lays them out.

FROM doorbuster-debian-base AS runtime
RUN useradd --system --uid 10001 --user-group --no-create-home doorbuster \
    && install -d -o doorbuster -g doorbuster /var/lib/doorbuster
COPY healthcheck.sh /usr/local/bin/healthcheck
USER 10001
WORKDIR /var/lib/doorbuster

FROM runtime AS origin
COPY bin/doorbuster bin/doorbuster-origin /usr/local/bin/
CMD ["doorbuster-origin"]

FROM runtime AS edge
COPY bin/doorbuster-edge /usr/local/bin/
COPY app/ /app/
ENTRYPOINT ["doorbuster-edge", "--manifest", "/app/spin.toml", "--listen", "0.0.0.0:8080", "--data", "/var/lib/doorbuster"]

FROM runtime AS sandbox
COPY bin/doorbuster-sandbox /usr/local/bin/
ENTRYPOINT ["doorbuster-sandbox", "--http", "0.0.0.0:9000", "--smtp", "0.0.0.0:2525", "--data", "/var/lib/doorbuster"]
