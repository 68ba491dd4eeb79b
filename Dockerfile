# The native executable on a base without a shell, a package manager or root.
#
#   docker build --tag llm-proxy .
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max --tag … --push .
#
# What it is to be run with is in docs/guide/production.md; scripts/docker-smoke shows that it works.

# Compiles on the machine's own processor, whichever one it compiles for.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0-noble-aot AS build
# The packages of this stage are in the bill of materials too, which buildx makes with --sbom=true.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
ARG TARGETARCH
ENV CI=true DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /source

# What links for the other processor, when that is asked for.
RUN case "$(uname -m)/${TARGETARCH:-}" in \
      x86_64/arm64) packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
      aarch64/amd64) packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
      *) packages="" ;; \
    esac \
    && if [ -n "$packages" ]; then \
      apt-get update --quiet=2 \
      && apt-get install --quiet=2 --yes --no-install-recommends $packages \
      && rm -rf /var/lib/apt/lists/*; \
    fi

# Packages change less often than sources.
COPY global.json nuget.config Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY src/LlmProxy/LlmProxy.csproj src/LlmProxy/packages*.lock.json src/LlmProxy/
RUN case "${TARGETARCH:-$(uname -m)}" in \
      amd64 | x86_64) echo linux-x64 ;; \
      arm64 | aarch64) echo linux-arm64 ;; \
      *) echo "There is no executable for ${TARGETARCH:-this processor}." >&2; exit 1 ;; \
    esac >/runtime \
    && dotnet restore src/LlmProxy --locked-mode -p:RuntimeIdentifier="$(cat /runtime)"

COPY LICENSE ./
COPY config config
COPY scripts scripts
COPY src src
RUN scripts/publish "$(cat /runtime)" /published \
    && mkdir -p /image/app /volumes/data /volumes/logs \
    && cp /published/llm-proxy /published/libe_sqlite3.so LICENSE /image/app/ \
    && scripts/sbom "$(cat /runtime)" >/image/app/sbom.cdx.json \
    && mkdir /image/app/config /image/app/certs \
    && chmod 0770 /volumes/data /volumes/logs

FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
ARG VERSION=0.0.0-local
ARG REVISION=unknown
LABEL org.opencontainers.image.title="llm-proxy" \
      org.opencontainers.image.description="A transparent, secure proxy in front of LLM provider APIs" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled"

# Nobody attaches a debugger or a profiler. Authorities of one's own are trusted when their PEM files are in /app/certs.
ENV DOTNET_EnableDiagnostics=0 \
    SSL_CERT_DIR=/etc/ssl/certs:/app/certs

# The program belongs to root, and only the data belongs to who runs it. Its group is root's, so that engines that choose
# a user of their own, whose group that is, can write too.
WORKDIR /app
COPY --from=build --chown=65532:0 /volumes /app
COPY --from=build --chown=0:0 /image/app /app
VOLUME ["/app/data", "/app/logs", "/app/config", "/app/certs"]
USER 65532:0
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["/app/llm-proxy", "health"]
ENTRYPOINT ["/app/llm-proxy"]
CMD ["server"]
