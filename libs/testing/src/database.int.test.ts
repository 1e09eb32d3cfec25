import { connect } from '@convergekit/postgres';
import { expect, inject, it, onTestFinished } from 'vitest';
import { dropDatabases, freshDatabase } from './database.ts';

it('the databases that a process made on a server are dropped with their sessions, and no others', async () => {
  const { databaseUrl } = inject('stack');
  const other = await freshDatabase(databaseUrl);
  // What is made is noted by the URL: this one is only for this test.
  const serverUrl = `${databaseUrl}?application_name=dropping`;
  const urls = [await freshDatabase(serverUrl), await freshDatabase(serverUrl)];
  const [open, left] = [other, urls[0]].map((url) => connect({ url, max: 1 }));
  onTestFinished(async () => {
    await open?.close();
    await left?.close();
  });
  await left?.ping();
  await dropDatabases(serverUrl);
  await open?.ping();
  const names = [other, ...urls].map((url) => new URL(url).pathname.slice(1));
  const text = 'select datname from pg_database where datname = any($1)';
  expect((await open?.executor.query(text, [names]))?.rows).toEqual([{ datname: names[0] }]);
});
