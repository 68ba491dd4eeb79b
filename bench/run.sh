#!/usr/bin/env bash
# Measures bin/llm-proxy beside nginx and YARP: `bench/run.sh [--rounds 5] [--seconds 3] [--tokens 1000000]`.
# `make bench` builds the executable and sees to nginx and wrk before it calls this.
set -euo pipefail
cd "$(dirname "$0")/.."

rival=artifacts/bench/yarp/YarpForwarder
if [[ ! $rival -nt bench/YarpForwarder.cs || ! $rival -nt Directory.Packages.props ]]; then
  dotnet publish bench/YarpForwarder.cs --configuration Release --output "${rival%/*}" --nologo --verbosity quiet >&2
  touch "$rival"
fi

exec dotnet run --project bench/LlmProxy.Benchmarks --configuration Release --verbosity quiet -- \
  compare --yarp "$rival" --output bench/results/latest.md "$@"
