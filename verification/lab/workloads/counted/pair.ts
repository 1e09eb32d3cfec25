import { embeddedPgbouncer, type EmbeddedServer, type Pgbouncer } from '@convergekit/testing/engine';
import { standbyOf } from '../../../../libs/testing/src/fixture/standby.ts';
import type { Defer } from '../../types.ts';

/** A primary and its standby behind a PgBouncer: a promotion makes the one the other. */
export interface Pair {
  primary: EmbeddedServer;
  standby: EmbeddedServer;
  readonly pooler: Pgbouncer;
}

export async function startPair(primary: EmbeddedServer, defer: Defer): Promise<Pair> {
  const standby = await standbyOf(primary, defer);
  const pooler = await embeddedPgbouncer({ url: primary.address });
  defer(() => pooler.server.dispose());
  await pooler.server.start();
  return { primary, standby, pooler };
}
