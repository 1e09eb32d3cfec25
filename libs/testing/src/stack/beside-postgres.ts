import { embeddedPgbouncer, embeddedPostgres } from './embedded.ts';
import { EmbeddedServer } from './embedded-server.ts';
import type { StackServer } from './server.ts';
import { follow, PAIR_SETTINGS, setSynchronous } from './standby.ts';

/** What may run beside the Postgres of a stack. */
export interface BesideOptions {
  /** A streaming standby; commits wait for a synchronous one. @default none */
  readonly standby?: 'asynchronous' | 'synchronous' | undefined;
  /** True for a PgBouncer in transaction mode before the primary. @default false */
  readonly pgbouncer?: boolean | undefined;
}

export interface Beside {
  /** The standby of `standby`; undefined without one. */
  readonly standby?: StackServer;
  /** The PgBouncer of `pgbouncer`; undefined without one. */
  readonly pgbouncer?: StackServer;
}

/** Starts what was asked for; it is registered to be stopped before anything can fail. */
export async function startBeside(
  postgres: StackServer | undefined,
  { standby, pgbouncer = false }: BesideOptions,
  dataDir: string,
  onStop: (stop: () => Promise<void>) => void,
): Promise<Beside> {
  // Beside another one they were refused.
  if (!(postgres instanceof EmbeddedServer)) return {};
  const started = async (server: EmbeddedServer): Promise<EmbeddedServer> => {
    onStop(() => server.dispose());
    await server.start();
    return server;
  };
  const follows = async (): Promise<EmbeddedServer> => {
    const server = await started(await embeddedPostgres({ dataDir, settings: PAIR_SETTINGS }));
    await follow(server, postgres);
    await setSynchronous(postgres, standby === 'synchronous');
    return server;
  };
  return {
    ...(standby === undefined ? {} : { standby: await follows() }),
    ...(pgbouncer
      ? { pgbouncer: await started((await embeddedPgbouncer({ dataDir, url: postgres.address })).server) }
      : {}),
  };
}
