# The program in images of its own: one binary, no compiler, no shell needed to run it.
#
#   docker build -t ledgerline .                         with PostgreSQL inside, for `up`
#   docker build --target roles -t ledgerline-roles .    without, for roles on a database of yours
#
#   docker run -p 127.0.0.1:8080:8080 -v ledger:/var/lib/ledgerline ledgerline up
#   docker run ledgerline-roles worker --database-url ... --kafka-brokers ... --listen 0.0.0.0:8081
FROM debian:bookworm-slim AS build
# Packages come from one Debian release and its security updates; what exact version is newest there is wanted.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends clang-19 mold cmake ninja-build pkg-config libboost1.81-dev \
        libboost-json1.81-dev libboost-url1.81-dev libpq-dev librdkafka-dev prometheus-cpp-dev libfmt-dev \
        libcli11-dev libsodium-dev libssl-dev libcurl4-openssl-dev libjemalloc-dev \
        python3 esbuild node-typescript node-react node-react-dom node-chart.js node-csstype node-prop-types \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY CMakeLists.txt CMakePresets.json ./
COPY clients/typescript/src/types.ts clients/typescript/src/types.ts
COPY cmake cmake
COPY packaging packaging
COPY sql sql
COPY src src
# How many files are compiled at once; each takes up to half a gigabyte.
ARG JOBS=2
RUN cmake --preset release -DBUILD_TESTING=OFF -DCMAKE_CXX_COMPILER_LAUNCHER= \
    && cmake --build --preset release --target ledgerline --parallel "$JOBS" \
    && cmake --install build/release --prefix /installed --strip

FROM debian:bookworm-slim AS roles
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libboost-container1.81.0 libboost-json1.81.0 libcurl4 \
        libjemalloc2 libboost-url1.81.0 libfmt9 libpq5 libprometheus-cpp-core1.0 librdkafka1 libsodium23 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 ledgerline \
    && useradd --uid 10001 --gid ledgerline --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ledgerline
COPY --from=build /installed/bin/ledgerline /usr/local/bin/ledgerline
USER 10001:10001
# A library that is missing is found here, not at the first start.
RUN ["ledgerline", "version"]
EXPOSE 8080
# Asks the role where it listens, whatever its --listen or LEDGERLINE_LISTEN is (a port, not 0).
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 CMD ["ledgerline", "health", "--of-process", "1"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["ledgerline"]
CMD ["--help"]

FROM roles
USER 0
# hadolint ignore=DL3008
RUN mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf \
    && apt-get update \
    && apt-get install -y --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o ledgerline -g ledgerline -m 700 /var/lib/ledgerline
USER 10001:10001
# The container is reached by other machines, so it needs a key: the first one is in this file, as the log says.
ENV LEDGERLINE_DATA_DIR=/var/lib/ledgerline/data \
    LEDGERLINE_FIRST_KEY_FILE=/var/lib/ledgerline/first.key \
    LEDGERLINE_LISTEN=0.0.0.0:8080
VOLUME /var/lib/ledgerline
CMD ["up"]
