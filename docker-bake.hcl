# The images for buildx: docker buildx bake, or docker buildx bake pestroutes --set '*.platform=linux/amd64,linux/arm64' --push.
# `make images` makes the same with plain docker. A test holds the list of sources against the locks.

variable "REGISTRY" {
  default = "transload"
}

variable "VERSION" {
  default = "0.1.0"
}

variable "REVISION" {
  default = "unknown"
}

variable "REPOSITORY" {
  default = "unknown"
}

variable "PYTHON_IMAGE" {
  default = "python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b"
}

group "default" {
  targets = ["extractor", "other"]
}

target "extractor" {
  matrix = {
    source = ["marketo", "pestroutes"]
  }
  name       = source
  dockerfile = "images/extractor/Dockerfile"
  tags       = ["${REGISTRY}/${source}:${VERSION}", "${REGISTRY}/${source}:latest"]
  args = {
    SOURCE       = source
    PYTHON_IMAGE = PYTHON_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
    REPOSITORY   = REPOSITORY
  }
}

target "other" {
  matrix = {
    image = ["dbt", "airflow", "sandbox"]
  }
  name       = image
  dockerfile = "images/${image}/Dockerfile"
  tags       = ["${REGISTRY}/${image}:${VERSION}", "${REGISTRY}/${image}:latest"]
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
    REPOSITORY   = REPOSITORY
  }
}
