import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@convergekit/testing/engine';
import type { RestateInput } from '../rivals/restate-main.ts';
import { makeDatabases } from './databases.ts';
import { openSide } from './open-side.ts';
import { placeAt } from './place.ts';
import { isReady } from '../../../programs.ts';
import { listens, nodeProcess, type ProcessSpec, RestartableProcess } from './processes.ts';
import type { Layout, SagaSide } from './side.ts';

const MAIN = fileURLToPath(new URL('../rivals/restate-main.ts', import.meta.url));
const SERVICES = ['orders', 'stock', 'payments', 'warehouse'] as const;

interface Ports {
  readonly ingress: number;
  readonly admin: number;
  readonly node: number;
}

/** Restate: its server, and the order saga in one process (A) or in four (B). Its journal is on the server's disk. */
export function restate(folder: string, layout: Layout): SagaSide {
  return {
    name: `Restate ${layout}`,
    layout,
    ours: false,
    kafka: false,
    open: async (place) => {
      const urls = await makeDatabases(place, SERVICES, layout === 'A');
      const roles = layout === 'A' ? (['all'] as const) : SERVICES;
      const [ingress = 0, admin = 0, node = 0, ...ports] = await freePorts(3 + roles.length);
      const data = mkdtempSync(join(resolve(place.folder), 'restate-'));
      const server = new RestartableProcess(serverSpec(folder, data, { ingress, admin, node }), place.folder);
      const workers = roles.map((role, index) => {
        const databaseUrl = urls[role === 'all' ? 'orders' : role];
        const { providerUrl } = place;
        const input: RestateInput = { folder, role, databaseUrl, providerUrl, port: ports[index] ?? 0 };
        return nodeProcess(place.folder, {
          ...{ name: `restate-${role}`, main: MAIN, input, ready: listens(input.port) },
          env: { NODE_OPTIONS: '', NODE_ENV: 'production', RESTATE_LOGGING: 'WARN' },
        });
      });
      return openSide(place, {
        processes: [server, ...workers],
        killed: workers[layout === 'A' ? 0 : SERVICES.indexOf('payments')],
        urls,
        place: placeAt(({ orderId }) => `http://127.0.0.1:${ingress}/order/${orderId}/run/send`, false),
        onStarted: async () => {
          for (const port of ports) await register(admin, port);
        },
        onStopped: () => Promise.resolve(rmSync(data, { recursive: true, force: true })),
      });
    },
  };
}

/** The server with its defaults, on loopback alone and without telemetry. */
function serverSpec(folder: string, data: string, { ingress, admin, node }: Ports): ProcessSpec {
  const inside = createRequire(join(folder, 'package.json'));
  const command = inside.resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`);
  return {
    name: 'restate-server',
    group: 'server',
    command,
    args: ['--no-logo'],
    env: {
      DO_NOT_TRACK: '1',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_BASE_DIR: data,
      RESTATE_NODE_NAME: 'bench',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_IP: '127.0.0.1',
      RESTATE_ADVERTISED_HOST: '127.0.0.1',
      RESTATE_BIND_PORT: String(node),
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_LOG_FILTER: 'warn',
    },
    ready: async () =>
      (await isReady(`http://127.0.0.1:${admin}/health`)) &&
      (await isReady(`http://127.0.0.1:${ingress}/restate/health`)),
  };
}

async function register(admin: number, port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri: `http://127.0.0.1:${port}` }),
  });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`Restate did not register a service: HTTP ${response.status} ${text.slice(0, 300)}`);
}
