import type { Relay } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import { follow, promote, setSynchronous } from '@convergekit/testing/engine';
import { urlOf } from '@convergekit/postgres/engine';
import { converge } from '../operator.ts';
import { commandsOf, runAsTyped } from '../workloads/counted/advice.ts';
import type { Beyond } from '../workloads/counted/fork.ts';
import { onServer, open, startRelay } from '../workloads/counted/services.ts';
import { AWAY_MS, ofPair, type PairTargets } from './pair-fault.ts';
import { upkeepFaults } from './pair-upkeep.ts';

/** Awaits the refusal of a relay, and returns what it says to its operator. */
function refusalOf(relay: () => Relay | undefined, code: string): Promise<string> {
  return waitUntil(
    () => {
      const status = relay()?.status();
      return status?.state === 'standby' && status.code === code ? status.trouble : undefined;
    },
    { what: `a relay to be refused by ${code}` },
  );
}

/** The standby takes over from a killed primary, behind the same address. */
async function takeOver({ pair, counted }: PairTargets): Promise<void> {
  await promote(pair.standby);
  pair.pooler.reload({ url: pair.standby.address });
  for (const { database } of [counted.orders, ...counted.consumers.values()])
    await waitUntil(
      () =>
        database.ping().then(
          () => true,
          () => false,
        ),
      { what: 'PgBouncer to reach the new primary' },
    );
  [pair.primary, pair.standby] = [pair.standby, pair.primary];
}

/** The old primary is started as one by mistake: its relay is refused. Then it follows the new one. */
async function comesBack({ pair, counted }: PairTargets): Promise<string> {
  await pair.standby.start();
  const defer = counted.run.defer;
  const old = open(urlOf(pair.standby.address, nameOf(counted.orders)), defer);
  const relay = await startRelay(old, counted.cluster.broker, defer);
  const said = await refusalOf(() => relay, 'database_went_back');
  await relay.stop();
  await old.close();
  await follow(pair.standby, pair.primary);
  return said;
}

function nameOf({ url }: { readonly url: string }): string {
  return new URL(url).pathname.slice(1);
}

export const poolerRestarted = ofPair({
  name: 'pair-pooler-killed',
  about: 'kill −9 of PgBouncer, which is started again',
  ms: AWAY_MS,
  inject: async ({ pair: { pooler } }) => {
    await pooler.server.kill();
    return { what: pooler.server.address, repair: () => pooler.server.start() };
  },
});

export const standbyHangs = ofPair({
  name: 'pair-standby-hangs',
  about: 'a synchronous standby takes no WAL, until the relay names it',
  alarms: { commits_wait: /SyncRep/ },
  inject: async ({ pair: { primary, standby }, counted }) => {
    await setSynchronous(primary, true);
    const sql = 'select pid from pg_stat_wal_receiver';
    const [row] = await onServer<{ pid: number }>(standby, sql);
    if (row === undefined) throw new Error('the standby receives nothing');
    process.kill(row.pid, 'SIGSTOP');
    const repair = (): boolean => process.kill(row.pid, 'SIGCONT');
    await counted.alarms.until('commits_wait').catch((error: unknown) => {
      repair();
      throw error;
    });
    return { what: standby.address, repair };
  },
});

export const promotedSynchronously = ofPair({
  name: 'pair-promoted-synchronously',
  about: 'the primary is killed under load and its synchronous standby promoted; the old one comes back',
  inject: async (targets) => {
    const { pair, counted } = targets;
    await setSynchronous(pair.primary, true);
    await pair.primary.kill();
    await takeOver(targets);
    await counted.moreEffects(counted.rate);
    await comesBack(targets);
    return { what: pair.primary.address };
  },
});

export const promotedAsynchronously = ofPair({
  name: 'pair-promoted-asynchronously',
  about: 'a standby that lacks commits is promoted; the commands that the relay prints bring it back',
  alarms: { relay_cannot_lead: /database_went_back/, database_went_back: /position/ },
  inject: async (targets) => {
    const { pair, counted } = targets;
    await setSynchronous(pair.primary, false);
    await pair.standby.stop();
    await counted.moreEffects(2 * counted.rate);
    await counted.writers?.pause();
    const acknowledged = [...(counted.writers?.acknowledged ?? [])];
    await pair.primary.kill();
    await pair.standby.start();
    await takeOver(targets);
    counted.writers?.resume(counted.orders.database);
    const sql = 'select event_id::text as id from converge.outbox';
    const kept = new Set(
      (await onServer<{ id: string }>(pair.primary, sql, nameOf(counted.orders))).map(({ id }) => id),
    );
    const env = counted.envOf(counted.orders);
    const said = await refusalOf(() => counted.relay, 'database_went_back');
    const rebases = commandsOf(said).filter((one) => one.startsWith('converge source rebase'));
    const [look, act] = [true, false].map((dry) => rebases.find((one) => one.includes('--dry-run') === dry));
    if (look === undefined || act === undefined) throw new Error(`no rebase is advised: ${said}`);
    await runAsTyped(look, env);
    await runAsTyped(act, env);
    const beyond = await converge<readonly Beyond[]>(['source', 'show', '--phantoms'], env);
    if (beyond.length === 0) throw new Error('no phantom is listed');
    counted.fork.note(
      acknowledged.filter((id) => !kept.has(id)),
      beyond,
    );
    await counted.moreEffects(counted.rate);
    await comesBack(targets);
    return { what: pair.primary.address };
  },
});

export const standbyNamed = ofPair({
  name: 'pair-standby-named',
  about: 'PgBouncer is pointed at the standby by mistake, until the relay names it',
  alarms: { relay_cannot_lead: /standby/, leadership_failing: /during recovery/ },
  inject: async ({ pair: { pooler, primary, standby }, counted }) => {
    pooler.reload({ url: standby.address });
    const repair = (): void => pooler.reload({ url: primary.address });
    await counted.alarms.until('relay_cannot_lead').catch((error: unknown) => {
      repair();
      throw error;
    });
    return { what: standby.address, repair };
  },
});

export const pairFaults = [
  poolerRestarted,
  standbyHangs,
  promotedSynchronously,
  promotedAsynchronously,
  standbyNamed,
  ...upkeepFaults,
] as const;
