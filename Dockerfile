# An exact version: test/supply-chain.test.ts checks that it is the one that the project brings. To pin the very bytes of the base,
# give its digest as well: docker build --build-arg NODE=26.10.0-bookworm-slim@sha256:…
ARG NODE=26.10.0-bookworm-slim

FROM node:${NODE} AS build
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
# The secret is optional: an .npmrc for a private registry. As a secret it is in no layer of the image.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Makes the image smaller: the base image brings Node, and of better-sqlite3 only the binary of this platform is needed.
RUN rm -rf node_modules/node-* node_modules/.bin node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
 && find node_modules/better-sqlite3/prebuilds -type f ! -name "$(node -p 'process.platform + "-" + process.arch').node" -delete \
 && find node_modules -type f \( -name '*.md' -o -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
 && find node_modules -type d \( -name test -o -name tests -o -name benchmark \) -prune -exec rm -rf {} +
COPY . .
# npm's settings are for the installation above.
RUN node bin/sbom.ts >sbom.json && rm -r bin .npmrc
# One start of the server and one of the command fill Node's compile cache, which shortens later starts. As the user of the image: Node
# keeps a cache for each user.
RUN mkdir .cache && chown 1000:1000 .cache
USER 1000
ENV NODE_COMPILE_CACHE=/app/.cache
RUN DATABASE_URL=:memory: HOST=127.0.0.1 node --max-semi-space-size=4 server.ts >/tmp/log & pid=$!; \
    for i in $(seq 100); do node -e "fetch('http://127.0.0.1:3000/health/ready').then(() => process.exit(0), () => process.exit(1))" && break; sleep 0.1; done; \
    kill -TERM $pid && wait $pid && node cli.ts --version && chmod -R a+rX .cache

FROM node:${NODE}
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.cache MALLOC_ARENA_MAX=2 HOST=0.0.0.0 DATABASE_URL=file:/data/latchkey.db SQLITE_TMPDIR=/data
RUN mkdir /data && chown 1000:1000 /data \
 && printf '#!/bin/sh\nexec node --max-semi-space-size=4 /app/cli.ts "$@"\n' >/usr/local/bin/latchkey && chmod 755 /usr/local/bin/latchkey
WORKDIR /app
COPY --from=build --chown=0:0 /app /app
USER 1000
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 3000}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "server.ts"]
