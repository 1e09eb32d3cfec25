import { allMigrations } from '@convergekit/operate';
import { defineConsumer } from '@convergekit/inbox';
import { migrate } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { stockScene } from '../../../../../libs/inbox/src/fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../../../../../libs/inbox/src/fixture/ledger.ts';
import { postAs, startConsole, TOKENS } from '../../fixture/console-under-test.ts';
import { urlOf } from '../../fixture/whole-scene.ts';

const EVENTS = new URL('../../fixture/counted-event.ts', import.meta.url).pathname;

// Planted fault: a console that writes what its declarations do not allow puts `n: "2"` in the place of the dead letter.
it('G5l: a dead letter is replaced by a new event in the console, and data that its contract refuses is not', async () => {
  const { scene, name, events } = await stockScene(inject('stack').databaseUrl);
  onTestFinished(() => scene.close());
  await migrate(scene.database, allMigrations);
  const under = await startConsole(inject('stack').databaseUrl, [], {
    CONVERGE__DATABASES__STOCK: await urlOf(inject('stack').databaseUrl, scene.database),
    CONVERGE__MODULES: EVENTS,
  });
  onTestFinished(() => under.stop());
  await scene.source.publish(scene.broker, [events.counted({ key: 'k', n: 1 })]);
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(events.counted, async (event, { tx }) => {
      if (event.data.n === 1) throw new TypeError('no shelf 1');
      await note(tx, event);
    }),
  );
  const found = async (): Promise<string | undefined> => {
    const answer = await under.get('/api/parked/list?state=dead');
    return (answer['rows'] as readonly { readonly id: string }[])[0]?.id;
  };
  const id = await waitUntil(found, { what: 'the dead letter' });
  const page = await under.page(`/parked/stock/${id}`);
  expect(page).toContain(`/parked/replace?database=stock&amp;id=${id}`);
  const path = new URL(`/api/parked/replace?database=stock&id=${id}`, under.url);
  const replace = (payload: string, more: object = { afterCompensation: 'yes' }) =>
    postAs(TOKENS.ada, path, { payload, reason: 'a typo', ...more });
  expect(await replace('{"key":"k","n":2}', {})).toEqual([
    409,
    expect.stringContaining('--after-compensation'),
  ]);
  const preview = await under.page(`/parked/replace?database=stock&id=${id}`);
  expect(preview).toContain(`/parked/replace?database=stock&amp;id=${id}&amp;afterCompensation=yes`);
  expect(await replace('{"key":"k","n":"2"}')).toEqual([
    409,
    expect.stringContaining('is not that of test.counted v1'),
  ]);
  expect(await lines(scene.database)).toEqual([]);
  const [status, text] = await replace('{"key":"k","n":2}');
  expect([status, text]).toEqual([200, expect.stringMatching(/: replaced by event \S+, which is due now/)]);
  await waitUntil(async () => (await lines(scene.database)).length > 0, { what: 'the new event' });
  const [line] = await lines(scene.database);
  expect([line?.n, text.includes(line?.event_id ?? '?')]).toEqual([2, true]);
  const { rows } = await scene.database.executor.query('select act, by from converge.audit');
  expect(rows).toEqual([{ act: 'parked replace', by: 'ada' }]);
});
