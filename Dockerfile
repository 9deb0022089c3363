# SPDX-FileCopyrightText: The WebSocket Gateway Authors
# SPDX-License-Identifier: Apache-2.0
#
# For those who build images with Docker or Podman:
#
#   export VERSION="$(git describe --tags --always --dirty)" REVISION="$(git rev-parse HEAD)"
#   docker build --target gateway --build-arg VERSION --build-arg REVISION -t REGISTRY/gateway:TAG .
#   docker build --target manager --build-arg VERSION --build-arg REVISION -t REGISTRY/manager:TAG .
#
# "make images" needs neither, and makes the same bytes each time (docs/images.md).

ARG VERSION=dev
ARG REVISION=

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY gateway gateway
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags="-s -w -X main.version=$VERSION" -o /out/ ./cmd/manager ./cmd/gateway

# Nothing but the program: no shell, no package manager, no library. The public
# CAs are in the program.
FROM scratch AS manager
COPY --from=build /out/manager /manager
USER 65532:65532
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="manager" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="https://github.com/wsgateway/websocket-gateway-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/manager"]

FROM scratch AS gateway
COPY --from=build /out/gateway /gateway
USER 65532:65532
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="gateway" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="https://github.com/wsgateway/websocket-gateway-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/gateway"]
