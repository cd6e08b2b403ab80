# The images that are published, for two platforms; docs/releasing.md shows how.
#   docker buildx bake -f docker-bake.hcl --print      what would be built

variable "IMAGE_PREFIX" { # you/ on Docker Hub
  default = ""
}
variable "VERSION" {
  default = "0.1.0"
}
variable "REVISION" { # the commit
  default = ""
}
variable "SOURCE_URL" { # where the source is
  default = ""
}
variable "SOURCE_DATE_EPOCH" { # the commit's time in seconds: nothing in an image has a later one
  default = ""
}
variable "HF_ENDPOINT" {
  default = ""
}
variable "MODELS" { # the first is what the version alone and `latest` mean
  default = [
    { name = "resnet-50", id = "microsoft/resnet-50" },
    { name = "densenet-121", id = "timm/densenet121.tv_in1k" },
    { name = "bundled", id = "bundled" },
  ]
}

group "default" {
  targets = ["nginx", "app"]
}
# Without torch and the Hub: what tests build, and pull requests.
group "bundled" {
  targets = ["nginx", "app-bundled"]
}

target "published" {
  platforms = ["linux/amd64", "linux/arm64"]
  args = {
    VERSION           = VERSION
    SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH == "" ? null : SOURCE_DATE_EPOCH
  }
  labels = {
    "org.opencontainers.image.created" = (
      SOURCE_DATE_EPOCH == "" ? null : timeadd("1970-01-01T00:00:00Z", "${SOURCE_DATE_EPOCH}s")
    )
    "org.opencontainers.image.revision" = REVISION == "" ? null : REVISION
    "org.opencontainers.image.source"   = SOURCE_URL == "" ? null : SOURCE_URL
  }
  attest = ["type=provenance,mode=max", "type=sbom"]
  output = ["type=image,rewrite-timestamp=true"]
}

target "nginx" {
  inherits = ["published"]
  context  = "nginx"
  tags     = [for tag in [VERSION, "latest"] : "${IMAGE_PREFIX}inference_nginx:${tag}"]
}

target "app" {
  name       = "app-${model.name}"
  matrix     = { model = MODELS }
  inherits   = ["published"]
  dockerfile = "inference_app/Dockerfile"
  target     = "app"
  args       = { MODEL_ID = model.id, HF_ENDPOINT = HF_ENDPOINT }
  tags = [
    for tag in concat(
      ["${VERSION}-${model.name}", model.name], model == MODELS[0] ? [VERSION, "latest"] : []
    ) : "${IMAGE_PREFIX}inference_app:${tag}"
  ]
}

# For GPUs, with torch and CUDA: gigabytes, so that it is built by its name alone.
target "app-gpu" {
  inherits   = ["published"]
  platforms  = ["linux/amd64"]
  dockerfile = "inference_app/Dockerfile"
  target     = "app"
  args = {
    MODEL_ID     = MODELS[0].id
    ENGINE       = "torch"
    REQUIREMENTS = "prepare"
    TORCH        = "cuda"
    HF_ENDPOINT  = HF_ENDPOINT
  }
  tags = [for tag in ["${VERSION}-gpu", "gpu"] : "${IMAGE_PREFIX}inference_app:${tag}"]
}
