import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Registered {
  readonly schema: string;
  readonly schemaType?: string;
}

export interface RegistryServer {
  readonly url: string;
  /** Registers a schema under a subject. */
  register(subject: string, registered: Registered): void;
  /** Makes every request fail with 503 while it is true. */
  down: boolean;
  close(): Promise<void>;
}

/**
 * A server with the part of the API of a schema registry that clients use to look schemas up. There is no registry on Node,
 * so this stands in for one: it stores schemas, and checks no compatibility.
 */
export async function registryServer(): Promise<RegistryServer> {
  const subjects = new Map<string, number>();
  const schemas: Registered[] = [];
  const answer = (path: string): readonly [number, object] => {
    const [, , first = '', , version] = path.split('/').map(decodeURIComponent);
    const isSubject = path.startsWith('/subjects/') && version === 'latest';
    const id = isSubject ? subjects.get(first) : path.startsWith('/schemas/ids/') ? idIn(path) : undefined;
    const found = id === undefined ? undefined : schemas[id - 1];
    if (found === undefined) return [404, { error_code: isSubject ? 40401 : 40403, message: 'not found' }];
    return [200, { ...found, id, subject: first, version: 1, references: [] }];
  };
  const server = createServer((request: IncomingMessage, response) => {
    const [status, body] = one.down ? [503, { message: 'down' }] : answer(request.url?.split('?')[0] ?? '');
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const one: RegistryServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    register: (subject, registered) => void subjects.set(subject, schemas.push(registered)),
    down: false,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
  return one;
}

function idIn(path: string): number {
  return Number(path.split('/')[3]);
}
