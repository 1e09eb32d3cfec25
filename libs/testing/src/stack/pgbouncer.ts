import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedServer, type Recipe } from './embedded-server.ts';
import type { Instance } from './instance.ts';
import type { PostgresSettings } from './postgres-settings.ts';
import { postgresUser } from './postgres-user.ts';
import { DevStackError } from './stack-error.ts';

/** PgBouncer in transaction mode before a server, which may be replaced. Not started yet. */
export interface Pgbouncer {
  readonly server: EmbeddedServer;
  /** Returns the address of the same database through the pooler. */
  readonly through: (url: string) => string;
  /** Sends its clients to another server with the same logins, or changes its settings, without a restart. */
  reload(change: { readonly url?: string; readonly settings?: PostgresSettings }): void;
}

export interface PgbouncerOptions {
  /** The login with which it connects, and the server. */
  readonly url: string;
  /** Settings beyond the kit's own. @default none */
  readonly settings?: PostgresSettings;
}

const SETTINGS: PostgresSettings = {
  pool_mode: 'transaction',
  default_pool_size: 30,
  max_client_conn: 500,
  server_login_retry: 1,
};

export function pgbouncer(instance: Instance, { url, settings: given = {} }: PgbouncerOptions): Pgbouncer {
  let target = new URL(url);
  let settings = { ...SETTINGS, ...given };
  let folder: string | undefined;
  const write = (port: number): string => {
    if (folder === undefined) {
      // The folder of the instance may lie where only its owner can enter.
      folder = mkdtempSync(join(tmpdir(), 'converge-pgbouncer-'));
      chmodSync(folder, 0o755);
      instance.addElsewhere(folder);
    }
    return writeConfiguration(folder, port, { target, settings });
  };
  const recipe = pgbouncerRecipe(write, () => target);
  const onDispose = (): Promise<void> => instance.remove();
  const server = new EmbeddedServer({ recipe, folder: instance.folder, onDispose });
  const through = (address: string): string => {
    const behind = new URL(address);
    behind.host = `127.0.0.1:${server.port}`;
    return behind.href;
  };
  return {
    server,
    through,
    reload(change) {
      target = new URL(change.url ?? target);
      settings = { ...settings, ...change.settings };
      write(server.port);
      if (server.pid !== undefined) process.kill(server.pid, 'SIGHUP');
    },
  };
}

function pgbouncerRecipe(write: (port: number) => string, target: () => URL): Recipe {
  return {
    what: 'PgBouncer',
    failure: 'PGBOUNCER_FAILED',
    // From 1.23 on it waits for its clients on the others; an earlier one ends.
    stopSignal: 'SIGQUIT',
    prepare(port) {
      if (spawnSync('pgbouncer', ['--version']).error !== undefined)
        throw new DevStackError(
          'PGBOUNCER_MISSING',
          'PgBouncer is not installed: apt-get install pgbouncer (Debian, Ubuntu), or brew install pgbouncer (macOS)',
        );
      // It refuses to run as root.
      const user = postgresUser();
      const args = ['-q', write(port)];
      return Promise.resolve({ command: 'pgbouncer', args, ...(user === undefined ? {} : { user }) });
    },
    address(port) {
      const url = new URL(target());
      url.host = `127.0.0.1:${port}`;
      return url.href;
    },
    ready: (_pid, port) => answers(port),
    transient: () => false,
  };
}

/** Writes its files, and returns the name of the first. A login without a password is trusted, as by the server. */
function writeConfiguration(
  folder: string,
  port: number,
  { target, settings }: { readonly target: URL; readonly settings: PostgresSettings },
): string {
  const user = postgresUser();
  const files = {
    'users.txt': `"${target.username}" "${decodeURIComponent(target.password)}"\n`,
    'pgbouncer.ini': [
      '[databases]',
      `* = host=${target.hostname} port=${target.port}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      `auth_type = ${target.password === '' ? 'trust' : 'scram-sha-256'}`,
      `auth_file = ${join(folder, 'users.txt')}`,
      ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (user !== undefined) chownSync(file, user.uid, user.gid);
  }
  return join(folder, 'pgbouncer.ini');
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
