# The image of the control plane and of the init container beside each proxy: Node, this program and iptables, without a
# shell. It runs as nobody in particular, with a read-only root.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends iptables \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --loglevel=error
COPY . .
RUN npm run --silent protos && npm run --silent build && npm prune --omit=dev --loglevel=error
RUN scripts/image-root.sh /image

FROM scratch
COPY --from=build /image /
USER 65532:65532
WORKDIR /app
ENV NODE_ENV=production
EXPOSE 8080 15010 15012 15014 15017
# 128 MB for young objects are too many, and so is twice the heap for garbage; collecting for a quiet time is not worth it
# (docs/performance.md).
ENTRYPOINT ["/usr/bin/node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8", "--no-memory-reducer", "--heap-growing-percent=70", "/app/dist/cli/keelson.js"]
CMD ["serve"]
