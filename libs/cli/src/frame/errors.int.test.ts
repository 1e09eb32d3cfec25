import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { cli, type CliEnd, stopLeftovers } from '../fixture/cli.ts';
import { refusingPostgres } from '../fixture/refusing-postgres.ts';

const { brokers, databaseUrl } = inject('stack');
const unreachable = 'postgres://postgres@127.0.0.1:1/shop';
let empty: string;

beforeAll(async () => {
  empty = await freshDatabase(databaseUrl, 'empty');
});
afterEach(stopLeftovers);

/** Expects one line on stderr, no stack, nothing on stdout. */
function expectOneLine({ code, stdout, stderr }: CliEnd, exitCode: number, text: RegExp): void {
  const lines = stderr.trimEnd().split('\n');
  expect(lines).toEqual([expect.stringMatching(text)]);
  expect(lines[0]).toMatch(/^converge: /);
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
}

function onServer(change: (url: URL) => void): string {
  const url = new URL(databaseUrl);
  change(url);
  return url.href;
}

describe('an error of the command is one line with the next step', () => {
  it('a command without DATABASE_URL or KAFKA_BROKERS fails in one line that names the setting', async () => {
    expectOneLine(await cli(['migrate'], {}), 78, /DATABASE_URL is not set: give it as postgres:/);
    expectOneLine(
      await cli(['relay'], { DATABASE_URL: empty }),
      78,
      /KAFKA_BROKERS is not set: give it as host:port/,
    );
  });

  it.each<[string, readonly string[], Record<string, string>, number, RegExp]>([
    [
      'a misspelled setting',
      ['relay'],
      { CONVERGE__HEALTH__PROT: '1' },
      78,
      /CONVERGE__HEALTH__PROT.*Did you mean CONVERGE__HEALTH__PORT\?/,
    ],
    [
      'a URL under another name',
      ['outbox', 'list'],
      { ORDERS_URL: databaseUrl },
      78,
      /DATABASE_URL is not set.*ORDERS_URL holds a Postgres URL/,
    ],
    [
      'a lease that is too short',
      ['relay'],
      { CONVERGE__RELAY__LEASE_MS: '1', DATABASE_URL: unreachable, KAFKA_BROKERS: brokers },
      78,
      /relay\.leaseMs = 1 .*CONVERGE__RELAY__LEASE_MS.*3001/,
    ],
    [
      'no Postgres at the address',
      ['migrate'],
      { DATABASE_URL: unreachable },
      1,
      /cannot reach Postgres at 127\.0\.0\.1:1: .*DATABASE_URL/,
    ],
    [
      'no broker at the address',
      ['topics', 'check', 'a'],
      { KAFKA_BROKERS: '127.0.0.1:1' },
      1,
      /no broker can be reached at 127\.0\.0\.1:1/,
    ],
    [
      'a module that does not exist',
      ['topics', 'create', '--from', './nowhere.ts'],
      {},
      2,
      /module \.\/nowhere\.ts does not exist/,
    ],
    [
      'a module without anything in it',
      ['topics', 'check', '--from', './libs/cli/src/frame/output.ts'],
      {},
      2,
      /exports no service, consumer, saga or event/,
    ],
  ])('a command fails in one line that names its cause: %s', async (_, argv, env, code, text) => {
    expectOneLine(await cli(argv, env), code, text);
  });

  it('S51: a command with a wrong password fails in one line that does not contain it', async () => {
    const server = await refusingPostgres();
    const url = `postgres://ann:hunter2@127.0.0.1:${server.port}/shop`;
    const ended = await cli(['relay'], { DATABASE_URL: url, KAFKA_BROKERS: brokers });
    server.close();
    expect(server.logins(), 'no retry').toBe(1);
    expectOneLine(
      ended,
      78,
      /refused user "ann": wrong password\. Check user and password in DATABASE_URL \(environment\)/,
    );
    expect(ended.stderr).not.toContain('hunter2');
  });

  it('a command fails in one line when the user or the database does not exist', async () => {
    const user = onServer((at) => (at.username = 'no_such_user'));
    expectOneLine(await cli(['migrate'], { DATABASE_URL: user }), 78, /refused user "no_such_user"/);
    const nothing = await cli(['migrate'], {
      DATABASE_URL: onServer((at) => (at.pathname = '/nothing_here')),
    });
    expectOneLine(nothing, 78, /no database "nothing_here".*createdb nothing_here/);
  });

  it('a command fails in one line that names `converge migrate` when migrations are missing', async () => {
    const ended = await cli(['relay'], { DATABASE_URL: empty, KAFKA_BROKERS: brokers });
    expectOneLine(ended, 78, /migrations are missing .*: run `converge migrate` first/);
    expectOneLine(
      await cli(['topics', 'check'], { DATABASE_URL: empty }),
      78,
      /run `converge migrate` first/,
    );
  });

  it('a command fails in one line when the health port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const database = await freshDatabase(databaseUrl, 'port');
    await cli(['migrate'], { DATABASE_URL: database });
    const health = { CONVERGE__HEALTH__PORT: String(port), CONVERGE__HEALTH__HOST: '127.0.0.1' };
    const ended = await cli(['relay'], { DATABASE_URL: database, KAFKA_BROKERS: brokers, ...health });
    other.close();
    expectOneLine(
      ended,
      78,
      new RegExp(`port ${port} on 127.0.0.1 is taken by another process: stop it, choose another port`),
    );
  });

  it('a command that does not exist fails in one line that names the nearest', async () => {
    expectOneLine(
      await cli(['rely'], {}),
      2,
      /there is no command `converge rely`\. Did you mean `converge relay`\? `converge --help` shows all/,
    );
    expectOneLine(
      await cli(['topics', 'create', 'a'], {}),
      2,
      /say how many partitions each topic gets; .*: `converge topics create a --partitions 6`/,
    );
  });

  it('an error of a command shows its stack only with LOG_LEVEL=debug', async () => {
    const { stderr } = await cli(['migrate'], { DATABASE_URL: unreachable, LOG_LEVEL: 'debug' });
    expect(stderr).toMatch(/^converge: cannot reach Postgres.*\n.*\n\s+at /);
  });
});

describe('converge topics', () => {
  const topic = `cli.topics.${randomBytes(4).toString('hex')}`;
  const env = { KAFKA_BROKERS: brokers };
  const create = (...flags: string[]) => cli(['topics', 'create', topic, ...flags], env);

  it('`topics create` can be repeated, and refuses another partition count', async () => {
    expect(await create('--partitions', '6')).toMatchObject({
      code: 0,
      stdout: `created ${topic} with 6 partitions\n`,
    });
    expect(await create('--partitions', '6')).toMatchObject({
      code: 0,
      stdout: `${topic} exists already with 6 partitions\n`,
    });
    expectOneLine(await create('--partitions', '5'), 1, /exists with 6 partitions, not 5/);
  });

  it('`topics create` accepts configuration, and `topics check` refuses a compacted topic', async () => {
    const name = `${topic}.compacted`;
    const flags = [
      '--partitions',
      '1',
      '--config',
      'cleanup.policy=compact',
      '--replication-factor',
      '1',
      '--json',
    ];
    const created = await cli(['topics', 'create', name, ...flags], env);
    expect(JSON.parse(created.stdout)).toEqual([{ topic: name, partitions: 1, outcome: 'created' }]);
    const checked = await cli(['topics', 'check', name, '--json'], env);
    expect(checked.code).toBe(1);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ok: false,
      findings: [{ verdict: 'fail' }, { verdict: 'warn' }],
    });
  });

  it('`topics check` fails for a topic that does not exist, with the command that creates it', async () => {
    const ended = await cli(['topics', 'check', 'no.such.topic'], env);
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(ended.stdout).toBe(
      'FAIL  topic no.such.topic  does not exist\n      → converge topics create no.such.topic --partitions 6\n',
    );
  });
});

describe('converge doctor', () => {
  it('`converge doctor` names everything that must be fixed at once, and exits with 1', async () => {
    const ended = await cli(['doctor', '--json'], { DATABASE_URL: empty, KAFKA_BROKERS: '127.0.0.1:1' });
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const { ok, findings } = JSON.parse(ended.stdout) as {
      ok: boolean;
      findings: { check: string; verdict: string }[];
    };
    expect(ok).toBe(false);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'postgres', verdict: 'ok' }));
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'alarm migrations_missing',
        verdict: 'fail',
        next: 'converge migrate',
      }),
    );
    expect(findings).toContainEqual(expect.objectContaining({ check: 'kafka', verdict: 'fail' }));
  });

  it('`converge doctor` finds a missing topic that events wait for', async () => {
    const env = { DATABASE_URL: await freshDatabase(databaseUrl, 'doctor'), KAFKA_BROKERS: brokers };
    await cli(['migrate'], env);
    expect(await cli(['doctor'], env)).toMatchObject({ code: 0 });
    const database = connect({ url: env.DATABASE_URL });
    await database.executor.query(`select converge.emit('no.such.topic', 'k', 't', '{}', '{}')`);
    await database.close();
    const ended = await cli(['doctor'], env);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/backlog +1 event waits, for /);
    expect(ended.stdout).toMatch(
      /FAIL +topic no\.such\.topic +does not exist\n +→ converge topics create no\.such\.topic/,
    );
  });
});

it('the command prints version and help to stdout', async () => {
  expect(await cli(['--version'], {})).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
  const help = await cli(['--help'], {});
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('converge topics create bb.events --partitions 6');
});
