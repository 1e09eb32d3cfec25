/** Tests the output of all commands, which are values, on an empty database: text without --json, JSON with it. */
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allCommands } from '../fixture/all-commands.ts';
import { cli } from '../fixture/cli.ts';
import { allMigrations } from '../../../operate/src/all-migrations.ts';

/** Commands that run until they are stopped. */
const LONG = ['relay', 'reconcile run', 'outbox tail', 'dev'];
const ID = '0197c3f4-0000-7000-8000-000000000000';
const why = ['--reason', 'a test', '--yes'];
const fixture = 'libs/cli/src/fixture';

/** A command line of each command. Those that change something are refused, or name nothing that exists. */
const lines: Readonly<Record<string, readonly string[]>> = {
  init: ['libs'],
  migrate: [],
  roles: ['read'],
  doctor: [],
  'print-config': [],
  audit: [],
  'topics create': ['a.topic'],
  'topics check': ['a.topic'],
  'topics accept': ['a.topic', '--reason', 'more room', '--yes'],
  'topics forget': ['a.topic', ...why],
  'local export': [],
  'schemas write': ['schemas/src/parts.ts'],
  'schemas check': ['schemas/src/parts.ts'],
  'source show': [],
  'source rebase': ['--dry-run'],
  'source disown': ['a.topic', '0', '0', '--reason', 'a test', '--dry-run'],
  'outbox list': [],
  'outbox stats': [],
  'outbox again': [ID, '--dry-run'],
  'consumers list': [],
  'consumers lag': [],
  'consumers gaps': ['stock'],
  'consumers pause': ['stock', '--reason', 'a test'],
  'consumers resume': ['stock', ...why],
  'consumers replay': ['stock', '--topic', 'a.topic', ...why],
  'consumers fill': ['stock', ...why],
  'consumers types list': ['stock'],
  'consumers types drop': ['stock', 'a.type', ...why],
  'event find': ['k1'],
  'event history': [ID],
  'event story': [ID],
  'parked groups': [],
  'parked list': [],
  'parked show': [ID],
  'parked retry': ['--all', ...why],
  'parked skip': [ID, ...why],
  'parked edit': [ID, '--payload', '{}', ...why],
  'parked replace': [ID, '--payload', '{}', '--events', 'docs/examples/events.ts', ...why],
  'call list': [],
  'call show': [ID],
  'call retry': [ID, ...why],
  'call resolve': [ID, '--failed', 'X', ...why],
  'workflow list': [],
  'workflow show': ['w', 'i'],
  'workflow retry': ['w', 'i', ...why],
  'workflow resolve': ['w', 'i', '--failed', 'X', ...why],
  'workflow verify': ['w', 'i'],
  'saga list': [],
  'saga show': ['i'],
  'saga narrative': ['i'],
  'saga retry': ['i', 's', ...why],
  'saga resolve': ['i', 's', '--effect-stays', ...why],
  'saga verify': [],
  'saga pause': ['w', ...why],
  'saga resume': ['w', ...why],
  'saga graph': ['docs/examples/saga.ts'],
  'policy list': [],
  'policy show': ['payment.charge'],
  'policy explain': ['payment.charge'],
  'policy simulate': ['payment.charge', '--calls', '100'],
  'policy paths': [`./${fixture}/example-operations.ts`],
  'policy set': ['payment', 'attempts=2', '--unlisted', '--dry-run'],
  'policy history': [],
  'reconcile list': [`./${fixture}/example-reconciler.ts`],
  'reconcile show': ['stock-copy'],
  'reconcile diff': ['stock-copy'],
  'reconcile approve': ['stock-copy', '--repairs', '1', '--reason', 'a test'],
  'reconcile audit': ['stock-copy'],
  'reconcile pause': ['stock-copy', '--reason', 'a test'],
  'reconcile resume': ['stock-copy'],
  'reconcile history': ['stock-copy'],
  'reconcile retry': ['stock-copy', 'k', '--reason', 'a test'],
};

let url: string;
let database: Database;
beforeAll(async () => {
  ({ url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations, {
    prefix: 'output',
    applicationName: 'the-test',
  }));
});
afterAll(() => database.close());

const ran = (argv: readonly string[]) =>
  cli(argv, { DATABASE_URL: url, KAFKA_BROKERS: '127.0.0.1:1', LOG_LEVEL: 'silent' });

const openSql = `select from pg_stat_activity
  where datname = current_database() and application_name like 'converge-%'`;

/** Waits until a command's connections are closed. A pool that is left open would close them after ten seconds. */
const closed = (name: string): Promise<unknown> =>
  waitUntil(async () => (await database.executor.query(openSql)).rowCount === 0, {
    what: `the connections of \`converge ${name}\` to be closed`,
    deadlineMs: 8_000,
  });

function isDocument(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

describe('the output of all commands', () => {
  it('each command has a line in this test', async () => {
    const known = [...(await allCommands()).keys()];
    expect(known.filter((name) => !LONG.includes(name) && lines[name] === undefined)).toEqual([]);
    expect(Object.keys(lines).filter((name) => !known.includes(name))).toEqual([]);
  });

  // Planted faults: a command that prints JSON as its text; an error that is not explained; a drawing on one line; a context
  // that does not close what it opened.
  it.each(Object.entries(lines))(
    '`converge %s` prints text, with --json a document, explains its error in one line, and leaves no connection open',
    async (name, args) => {
      const text = await ran([...name.split(' '), ...args]);
      expect(isDocument(text.stdout), text.stdout).toBe(false);
      expect([0, 1, 2, 78]).toContain(text.code);
      expect(text.stdout).not.toContain(String.raw`\u000a`);
      if (text.stdout === '') {
        expect(text.stderr).toMatch(/^converge: .+\n$/m);
        expect(text.stderr).not.toContain('unexpected');
      }
      const json = await ran([...name.split(' '), ...args, '--json', '--quiet']);
      expect(json.code).toBe(text.code);
      if (json.stdout !== '') expect(isDocument(json.stdout), json.stdout).toBe(true);
      await closed(name);
    },
  );
});
