import { sagaMigrations } from '../migrations.ts';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it } from 'vitest';
import { sealOf, sealSql } from './seal.ts';

// Planted fault: `JSON.stringify(parts, null, 1)` in `sealOf` gives another seal.
it('a seal is the same from the process and from the database, whatever its parts have', async () => {
  const { database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'seals' },
  );
  const control = Array.from({ length: 31 }, (_, at) => String.fromCharCode(at + 1)).join('');
  const parts = [
    null,
    '',
    'plain',
    '"quoted" \\ / \u007f\u0085\u2028',
    control,
    'é 🚢 \u{10ffff}',
    '{"a":[1]}',
  ];
  const sql = `select ${sealSql(parts.map((_, at) => `$${at + 1}::text`))} as seal`;
  const { rows } = await database.executor.query<{ seal: string }>(sql, parts);
  expect(rows).toEqual([{ seal: sealOf(parts) }]);
  await database.close();
});
