import { executorOf } from '@convergekit/postgres';
import { clientOf } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { CompiledQuery } from 'kysely';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { EventContext } from '../define/types.ts';
import { JointScene, KEYS } from '../fixture/joint-scene.ts';
import type { LedgerDb } from '../fixture/ledger.ts';

/**
 * Handlers that end the transaction of a joint slice. For the faults: the check of the texts left
 * out of the guard (rollback: applied for ever; commit: the events of other partitions are lost); the tags of answers left
 * out, for the texts that come past the doors; a committed slice that goes on alone.
 */
let scene: JointScene;
beforeEach(async () => {
  scene = await JointScene.open(inject('stack').databaseUrl);
});
afterEach(() => scene.close());

const [first, second, third, , fifth] = KEYS as [string, string, string, string, string];
const innocent = [
  ...[`${first} 0`, `${second} 11`, `${second} 12`],
  ...[`${third} 21`, `${third} 22`, `${fifth} 41`, `${fifth} 42`],
].toSorted();
type Context = EventContext<LedgerDb, unknown>;
const sendThroughTx = ({ tx }: Context, text: string) => executorOf(tx).query(text);
const sendAsWrite = ({ write }: Context, text: string) => Promise.resolve(write(CompiledQuery.raw(text)));
const sendThroughClient = async ({ pgClient }: Context, text: string) => (await pgClient()).query(text);
/** Sends a text past the checks, as only code that takes the kit's client can. */
const sendPast = async ({ tx }: Context, text: string) => (await clientOf(tx))!.query(text);

const parked = async () =>
  (
    await scene.database.executor.query<{ code: string }>(
      `select code from converge.parked where state = 'dead' and code is not null`,
    )
  ).rows.map(({ code }) => code);

/** Sends a text in the handler of the fourth partition's first event; returns the code of its dead letter. */
async function codeAfter(
  send: (context: Context, text: string) => Promise<unknown>,
  text: string,
): Promise<unknown> {
  const service = await scene.start(async ({ n }, context) => {
    if (n === 31) await send(context, text);
  });
  await scene.gather(service);
  await scene.applied(innocent.length);
  await waitUntil(async () => (await parked()).length > 0, { what: 'the dead letter' });
  expect(await scene.effects()).toEqual(innocent);
  return (await parked())[0];
}

const texts = ['rollback', 'commit', '/* trace */ commit', 'select 1; commit', 'rollback and chain'];
it.each(texts)('G3c: “%s” through tx in a joint slice fails its own event alone', async (text) => {
  expect(await codeAfter(sendThroughTx, text)).toBe('TRANSACTION_REFUSED');
});

it.each(['rollback', '/* trace */ commit'])(
  'G3c: “%s” by write in a joint slice fails its own event alone',
  async (text) => {
    expect(await codeAfter(sendAsWrite, text)).toBe('TRANSACTION_REFUSED');
  },
);

it.each(['/* trace */ commit', 'select 1; commit'])(
  'G3c: “%s” through the client in a joint slice fails its own event alone',
  async (text) => {
    expect(await codeAfter(sendThroughClient, text)).toBe('TRANSACTION_REFUSED');
  },
);

it.each(['rollback', 'rollback; begin', 'rollback and chain'])(
  'G3c: “%s” that came past the checks of the texts fails its own event alone',
  async (text) => {
    expect(await codeAfter(sendPast, text)).toBe('TRANSACTION_ENDED_EARLY');
  },
);

it.each(['commit', 'commit; begin', 'commit and chain'])(
  'a consumer whose slice was committed by “%s” past the checks stops, and says what to replay',
  async (text) => {
    const service = await scene.start(async ({ n }, context) => {
      if (n === 31) await sendPast(context, text);
    });
    const ended = service.done.then(
      () => 'ended',
      (error: unknown) => error,
    );
    await scene.gather(service);
    expect(await ended).toMatchObject({ code: 'CONSUMER_STOPPED', certainty: 'unknown' });
    expect(String(await ended)).toContain('converge consumers replay');
  },
);

it('a rollback to a savepoint of another call is refused, and undoes nothing of it', async () => {
  const service = await scene.start(async ({ n }, context) => {
    if (n === 11) await sendThroughTx(context, 'savepoint of_second');
    if (n === 31) await sendThroughTx(context, 'rollback to of_second');
  });
  await scene.gather(service);
  await scene.applied(innocent.length);
  await waitUntil(async () => (await parked()).length > 0, { what: 'the dead letter' });
  expect([await scene.effects(), await parked()]).toEqual([innocent, ['TRANSACTION_REFUSED']]);
});

it('a setting that a handler makes for its transaction is set back before the next handler of a joint slice', async () => {
  const seen: (string | null)[] = [];
  const service = await scene.start(async ({ key }, { tx }) => {
    const executor = executorOf(tx);
    const { rows } = await executor.query<{ tenant: string | null }>(
      `select nullif(current_setting('app.tenant', true), '') as tenant`,
    );
    seen.push(rows[0]!.tenant);
    await executor.query(`select set_config('app.tenant', $1, true)`, [key]);
  });
  await scene.gather(service);
  await scene.applied(9);
  expect([scene.joint(), new Set(seen)]).toEqual([1, new Set([null])]);
});
