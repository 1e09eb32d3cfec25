/** Tests that a command that an error or a finding prints as the next step can be run as it is, and helps. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineEvent } from '@convergekit/contracts';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox } from '@convergekit/outbox';
import { connect } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, stopLeftovers } from '../fixture/cli.ts';
import { root } from '../fixture/root.ts';

const { brokers, databaseUrl } = inject('stack');
const closers: (() => Promise<unknown>)[] = [];
let env: Record<string, string>;
let tag: string;

beforeEach(async () => {
  tag = randomBytes(4).toString('hex');
  const url = await freshDatabase(databaseUrl, 'next');
  env = { DATABASE_URL: url, KAFKA_BROKERS: brokers, LOG_LEVEL: 'silent' };
});
afterEach(async () => {
  await stopLeftovers();
  for (const close of closers.splice(0).toReversed()) await close();
});

/** The text of a step that failed; undefined: it succeeded. */
type Step = () => Promise<string | undefined>;

const step =
  (...argv: readonly string[]): Step =>
  async () => {
    const { code, stdout, stderr } = await cli(argv, env);
    return code === 0 ? undefined : `${stdout}${stderr}`;
  };
const program =
  (code: () => Promise<unknown>): Step =>
  () =>
    code().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );

/** The commands that a text prints, each to be typed as it is. A relay would run until it is stopped: its help is read. */
function printed(text: string): readonly (readonly string[])[] {
  const quoted = [...text.matchAll(/(?<!no command )`converge ([^`]+)`/g)].map(([, line = '']) => line);
  const next = [...text.matchAll(/→ converge (.+)$/gm)].map(([, line = '']) => line);
  return [...quoted, ...next]
    .map((line) => line.trim().split(/\s+/))
    .map((argv) => (argv[0] === 'relay' ? [...argv, '--help'] : argv));
}

const event = () =>
  defineEvent('next.thing', {
    version: 1,
    topic: `next-${tag}`,
    key: ({ id }: { id: string }) => id,
    data: z.object({ id: z.string() }),
  });

function open() {
  const database = connect({ url: env['DATABASE_URL'] });
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'next' });
  closers.push(
    () => broker.close(),
    () => database.close(),
  );
  return { database, broker };
}

const emits = program(async () => {
  const thing = event();
  await createOutbox([thing]).transaction(open().database.db, ({ emit }) =>
    Promise.resolve(emit(thing({ id: 'a' }))),
  );
});

const starts = program(async () => {
  const consumer = defineConsumer(`reader-${tag}`, { from: 'first' }).on(event(), () => undefined);
  const service = consumerService([consumer], open());
  closers.push(() => service.stop());
  await service.start();
});

/** A module of a service: a consumer, and an event that it emits to a topic of its own. */
function moduleFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'converge-'));
  closers.push(() => Promise.resolve(rmSync(folder, { recursive: true })));
  const file = join(folder, 'consumers.ts');
  const at = (name: string) => JSON.stringify(join(root, `libs/${name}/src/index.ts`));
  const text = `
    import { defineEvent } from ${at('contracts')};
    import { defineConsumer } from ${at('inbox')};
    const data = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value: value as { id: string } }) } } as const;
    const made = (type: string, topic: string) => defineEvent(type, { version: 1, topic, key: ({ id }) => id, data });
    export const emitted = made('next.made', 'next-${tag}-out');
    export const consumers = [defineConsumer('mod-${tag}', { from: 'first' }).on(made('next.thing', 'next-${tag}'), () => undefined)];
  `;
  writeFileSync(file, text);
  return file;
}

const migrated = async () => {
  expect(await cli(['migrate'], env)).toMatchObject({ code: 0 });
};

/** One database for all that only look. */
let lookedAt: string | undefined;
const looks = async () => {
  if (lookedAt === undefined) {
    await migrated();
    lookedAt = env['DATABASE_URL'];
  }
  env = { ...env, DATABASE_URL: lookedAt ?? '' };
};

/** What fails, the text that says why, and what is there already. */
type Row = [name: string, fails: () => Step, why: RegExp, given?: () => Promise<unknown>];

const fixing: readonly Row[] = [
  ['an emit into a database that was not migrated', () => emits, /tables of the outbox are missing/],
  ['a command on a database that was not migrated', () => step('outbox', 'list'), /migrations are missing/],
  [
    'a look at the topics of a database that was not migrated',
    () => step('topics', 'check'),
    /tables of converge are missing/,
  ],
  ['a doctor on a database that was not migrated', () => step('doctor'), /not applied: /],
  ['a consumer without its topics', () => starts, /has no topic next-.*, reader-.*\.failures/, migrated],
  [
    'topics of a module without their partitions',
    () => step('topics', 'create', '--from', moduleFile()),
    /how many partitions/,
  ],
  ['a topic that does not exist', () => step('topics', 'check', `next-${tag}`), /does not exist/],
  [
    'topics of a module that do not exist',
    () => step('topics', 'check', '--from', moduleFile()),
    /does not exist/,
  ],
  ['a service without its topics', () => step('doctor', '--from', moduleFile()), /does not exist/, migrated],
];

/** What fails because of a name that does not exist: the printed command shows those that do. */
const ID = '0197c3f4-0000-7000-8000-000000000000';
const looking: readonly Row[] = [
  ['a parked event that does not exist', () => step('parked', 'show', ID), /there is no parked event/, looks],
  ['an intent that does not exist', () => step('call', 'show', ID), /has no intent/, looks],
  [
    'the outcome of an intent that does not exist',
    () => step('call', 'resolve', ID, '--failed', 'X', '--reason', 'r', '--yes'),
    /has no intent/,
    looks,
  ],
  ['a saga that does not exist', () => step('saga', 'show', 'i'), /is not known/, looks],
  [
    'the outcome of a step that does not exist',
    () => step('saga', 'resolve', 'i', 's', '--effect-stays', '--reason', 'r', '--yes'),
    /knows no saga of that id/,
    looks,
  ],
  [
    'a type of a consumer that is not there',
    () => step('consumers', 'types', 'drop', 'c', 't', '--reason', 'r', '--yes'),
    /no consumer c/,
    looks,
  ],
  ['a command with a typo', () => step('topics', 'crate', 'a'), /there is no command/],
];

describe('the next command that is printed', () => {
  it.each<Row>([...fixing])(
    'G5f: fixes the cause of %s, and what failed works then',
    async (_, failing, why, given) => {
      await given?.();
      const step = failing();
      const text = (await step()) ?? 'it did not fail';
      expect(text).toMatch(why);
      const commands = printed(text);
      expect(commands.length, text).toBeGreaterThan(0);
      for (const argv of commands) expect(await cli(argv, env), argv.join(' ')).toMatchObject({ code: 0 });
      const again = await step();
      // A consumer that is migrated now misses its topics next, and so on: each printed command brings it one step further.
      expect(again ?? '').not.toMatch(why);
    },
  );

  it.each<Row>([...looking])('shows what there is instead of %s', async (_, failing, why, given) => {
    await given?.();
    const text = (await failing()()) ?? 'it did not fail';
    expect(text).toMatch(why);
    const commands = printed(text);
    expect(commands.length, text).toBeGreaterThan(0);
    for (const argv of commands) {
      const { code, stderr } = await cli(argv.includes('create') ? [...argv, '--help'] : argv, env);
      expect(code, `${argv.join(' ')}: ${stderr}`).toBe(0);
    }
  });

  it('G5f: creates named topics that lacked their partitions', async () => {
    const names = [`next-${tag}`, `more-${tag}`];
    const text = (await step('topics', 'create', ...names)()) ?? 'it did not fail';
    const [argv = []] = printed(text);
    expect(await cli(argv, env), text).toMatchObject({ code: 0 });
    expect(await step('topics', 'check', ...names)()).toBeUndefined();
  });

  it('G5f: a consumer that starts on nothing gets there by the printed commands alone', async () => {
    const said: string[] = [];
    for (let text = await starts(); text !== undefined && said.length < 5; text = await starts()) {
      said.push(text);
      for (const argv of printed(text)) await cli(argv, env);
    }
    expect(said.length).toBeLessThanOrEqual(2);
    expect(await starts()).toBeUndefined();
  });
});
