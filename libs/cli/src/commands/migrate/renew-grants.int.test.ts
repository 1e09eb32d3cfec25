import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, expect, inject, it } from 'vitest';
import { cli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { roleSql } from '../../../../operate/src/roles/role-files.ts';

afterEach(stopLeftovers);

// Without the renewal the new process of an upgrade starts, and lacks the rights to what a migration made.
it('`converge migrate` grants what is new to the roles that have rights here, and nothing to others', async () => {
  const { url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
  const { executor } = database;
  for (const duty of ['writer', 'relay', 'consumer'] as const) await executor.query(roleSql(duty));
  await executor.query('revoke all on all tables in schema converge from converge_relay, converge_consumer');
  await executor.query('revoke usage on schema converge from converge_consumer, converge_writer');
  const { code, stdout } = await cli(['migrate'], { DATABASE_URL: url, LOG_LEVEL: 'silent' });
  const { rows } = await executor.query(
    `select has_table_privilege('converge_relay', 'converge.outbox', 'select') as relay,
            has_table_privilege('converge_consumer', 'converge.inbox_partition', 'select') as consumer`,
  );
  await database.close();
  expect({ code, rows }).toEqual({ code: 0, rows: [{ relay: true, consumer: false }] });
  expect(stdout).toContain('grants renewed: relay');
});
