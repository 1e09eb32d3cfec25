import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@convergekit/testing/engine';
import type { RestateInput } from '../rivals/restate-main.ts';
import { isReady, sendJson } from '../../../programs.ts';
import { services } from '../order.ts';
import { makeDatabases, openSide } from './open-side.ts';
import { listens, nodeProcess, sideProcess } from './processes.ts';
import type { Layout, SagaSide, SideProcess } from './side.ts';

const MAIN = fileURLToPath(new URL('../rivals/restate-main.ts', import.meta.url));

/** Restate: its server, and the order saga in one process (A) or in four (B). Its journal is on the server's disk. */
export function restate(folder: string, layout: Layout): SagaSide {
  return {
    name: `Restate ${layout}`,
    layout,
    ours: false,
    kafka: false,
    open: async (place) => {
      const urls = await makeDatabases(place, layout);
      const roles = layout === 'A' ? (['all'] as const) : services;
      const [ingress = 0, admin = 0, node = 0, ...ports] = await freePorts(3 + roles.length);
      const data = mkdtempSync(join(resolve(place.folder), 'restate-'));
      const server = serverOf(folder, data, { ingress, admin, node }, place.folder);
      const workers = roles.map((role, index) => {
        const databaseUrl = urls[role === 'all' ? 'orders' : role];
        const { providerUrl } = place;
        const input: RestateInput = { folder, role, databaseUrl, providerUrl, port: ports[index] ?? 0 };
        return nodeProcess(place.folder, {
          name: `restate-${role}`,
          main: MAIN,
          input,
          ready: listens(input.port),
          env: { NODE_OPTIONS: '', NODE_ENV: 'production', RESTATE_LOGGING: 'WARN' },
        });
      });
      return openSide(place, {
        layout,
        workers,
        server,
        urls,
        orders: ({ orderId }) => `http://127.0.0.1:${ingress}/order/${orderId}/run/send`,
        onStarted: async () => {
          for (const port of ports)
            await sendJson(`http://127.0.0.1:${admin}/deployments`, { uri: `http://127.0.0.1:${port}` });
        },
        onStopped: () => rmSync(data, { recursive: true, force: true }),
      });
    },
  };
}

/** The server with its defaults, on loopback alone and without telemetry. */
function serverOf(
  folder: string,
  data: string,
  { ingress, admin, node }: Readonly<Record<'ingress' | 'admin' | 'node', number>>,
  logs: string,
): SideProcess {
  const inside = createRequire(join(folder, 'package.json'));
  const command = inside.resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`);
  return sideProcess(logs, {
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
  });
}
