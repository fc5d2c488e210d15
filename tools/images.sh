#!/bin/sh
# Builds the images with plain docker: all, or those that are named. An extractor's image is made for each source that has
# a lock. From the environment: REGISTRY (transload), VERSION (the extractors'), PYTHON_IMAGE (the Dockerfiles' default).
set -eu
cd "$(dirname "$0")/.."

registry=${REGISTRY:-transload}
version=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' extractors/core/pyproject.toml)}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain 2>/dev/null)" ] || revision=$revision-dirty
# Without a user and a password, which an address may hold: a label is for everybody.
repository=$(git config --get remote.origin.url | sed 's#//[^/@]*@#//#') || true

if [ $# = 0 ]; then
  for folder in extractors/*/; do
    source=$(basename "$folder")
    [ ! -f "requirements/$source.txt" ] || set -- "$@" "$source"
  done
  set -- "$@" dbt airflow sandbox
fi

docker info >/dev/null || { echo "no docker answers: is it installed and running, and may you use it?" >&2; exit 1; }
for name in "$@"; do
  folder=$name
  [ -d "images/$name" ] || folder=extractor
  image=$registry/$name
  printf 'building %s:%s\n' "$image" "$version"
  docker build --quiet --file "images/$folder/Dockerfile" --tag "$image:$version" --tag "$image:latest" \
    ${PYTHON_IMAGE:+--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"} $([ "$folder" != extractor ] || echo "--build-arg SOURCE=$name") \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "REPOSITORY=${repository:-unknown}" . >/dev/null
done
docker images --format '{{.Size}}\t{{.Repository}}:{{.Tag}}' "$registry/*" | grep ":$version\$"
