import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { httpServer, type HttpServer } from '@convergekit/config';
import type { Packed } from './stage.ts';

export interface Registry {
  readonly server: HttpServer;
  readonly url: () => string;
  /** Bytes of the tarballs that were served, ours and those of others. */
  readonly tarballBytes: () => number;
}

/**
 * A registry on this machine that has the packed packages as if they were published. Everything else comes from
 * `upstream`, and passes through. Port 0: any free one.
 */
export function packedRegistry(packed: readonly Packed[], upstream: string, port = 0): Registry {
  const byName = new Map(packed.map((one) => [one.name, one]));
  const byFile = new Map(packed.map((one) => [basename(one.tarball), one]));
  let bytes = 0;
  const url = (): string => `http://127.0.0.1:${server.port}`;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = decodeURIComponent(request.url ?? '/');
    const own = byName.get(path.slice(1));
    const file = byFile.get(path.replace('/packed/', ''));
    if (own !== undefined)
      response.setHeader('content-type', 'application/json').end(await documentOf(own, url()));
    else if (file !== undefined) {
      const tarball = await readFile(file.tarball);
      bytes += tarball.length;
      response.end(tarball);
    } else bytes += await passOn({ request, response, upstream, url: url() });
  };
  const server = httpServer({
    name: 'registry',
    port,
    timeouts: { headersTimeout: 60_000, requestTimeout: 300_000, connectionsCheckingInterval: 30_000 },
    listener: (request, response) =>
      void answer(request, response).catch((error: unknown) => response.writeHead(502).end(String(error))),
  });
  return { server, url, tarballBytes: () => bytes };
}

/** The document of a package, with its one version. */
async function documentOf({ name, version, folder, tarball }: Packed, url: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as object;
  const hash = createHash('sha512').update(await readFile(tarball));
  const dist = {
    tarball: `${url}/packed/${basename(tarball)}`,
    integrity: `sha512-${hash.digest('base64')}`,
  };
  return JSON.stringify({
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...manifest, dist } },
  });
}

interface Passed {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upstream: string;
  readonly url: string;
}

/** Passes a request on. Resolves with the bytes of a tarball, else with 0. */
async function passOn({ request, response, upstream, url }: Passed): Promise<number> {
  const sent = Buffer.concat((await request.toArray()) as Buffer[]);
  const found = await fetch(new URL(request.url ?? '/', upstream), {
    method: request.method ?? 'GET',
    headers: {
      accept: request.headers.accept ?? '*/*',
      ...(sent.length > 0 && { 'content-type': 'application/json' }),
    },
    ...(sent.length > 0 && { body: sent }),
  });
  const isTarball = request.url?.endsWith('.tgz') === true;
  const body = Buffer.from(await found.arrayBuffer());
  // Documents name tarballs by the address of their registry; those pass through here, too.
  const passed = isTarball ? body : body.toString().replaceAll(upstream.replace(/\/$/, ''), url);
  const type = found.headers.get('content-type') ?? 'application/octet-stream';
  response.writeHead(found.status, { 'content-type': type }).end(passed);
  return isTarball ? body.length : 0;
}
