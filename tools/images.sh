#!/bin/sh
# Builds the images with plain docker: all, or those that are named. An extractor's image is made for each source that has
# a lock. From the environment: REGISTRY (transload), VERSION (the extractors'), PYTHON_IMAGE (the Dockerfiles' default).
set -eu
cd "$(dirname "$0")/.."

registry=${REGISTRY:-transload}
VERSION=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' extractors/core/pyproject.toml)}
REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || REVISION=$REVISION-dirty
# Without a user and a password, which an address may hold: a label is for everybody.
REPOSITORY=$(git config --get remote.origin.url | sed 's#//[^/@]*@#//#') || true
[ -n "$REPOSITORY" ] || REPOSITORY=unknown
export VERSION REVISION REPOSITORY

if [ $# = 0 ]; then
  for folder in extractors/*/; do
    name=$(basename "$folder")
    [ ! -f "requirements/$name.txt" ] || set -- "$@" "$name"
  done
  set -- "$@" dbt airflow sandbox
fi

docker info >/dev/null || { echo "no docker answers: is it installed and running, and may you use it?" >&2; exit 1; }
for name in "$@"; do
  file=images/$name/Dockerfile
  [ -f "$file" ] || file=images/extractor/Dockerfile
  echo "building $registry/$name:$VERSION" >&2
  # A build argument without a value takes it from the environment, and where that has none the Dockerfile's default.
  SOURCE=$name docker build --quiet --file "$file" --tag "$registry/$name:$VERSION" --tag "$registry/$name:latest" \
    --build-arg SOURCE --build-arg PYTHON_IMAGE --build-arg VERSION --build-arg REVISION --build-arg REPOSITORY . >/dev/null ||
    { echo "$name was not built; where no registry is reached, name a base that docker has: PYTHON_IMAGE=... (docs/images.md)" >&2; exit 1; }
done
docker images --format '{{.Size}}\t{{.Repository}}:{{.Tag}}' "$registry/*" | grep ":$VERSION\$"
