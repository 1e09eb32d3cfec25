import { parseArgs } from 'node:util';
import { ConvergeError, runServices } from '@convergekit/core';
import { stackDown, stackService, stackStatus } from '@convergekit/testing/internal';

const usage =
  'usage: node infra/stack/main.ts up [--postgres-port N] [--kafka-port N] [--brokers 3] [--standby | --synchronous-standby] [--pgbouncer] | down | status';
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      'postgres-port': { type: 'string' },
      'kafka-port': { type: 'string' },
      brokers: { type: 'string', default: '1' },
      standby: { type: 'boolean', default: false },
      'synchronous-standby': { type: 'boolean', default: false },
      pgbouncer: { type: 'boolean', default: false },
    },
  });
  switch (positionals[0]) {
    case 'up':
      return up({
        postgresPort: port(values['postgres-port']),
        kafkaPort: port(values['kafka-port']),
        brokers: brokers(values.brokers),
        standby: values['synchronous-standby'] ? 'synchronous' : values.standby ? 'asynchronous' : undefined,
        pgbouncer: values.pgbouncer,
      });
    case 'down':
      await stackDown(undefined, say);
      return 0;
    case 'status':
      return status();
    default:
      say(usage);
      return 2;
  }
}

interface Asked {
  readonly postgresPort: number | undefined;
  readonly kafkaPort: number | undefined;
  readonly brokers: 1 | 3;
  readonly standby: 'asynchronous' | 'synchronous' | undefined;
  readonly pgbouncer: boolean;
}

async function up(asked: Asked): Promise<number> {
  const already = stackStatus().environment;
  if (already !== undefined) {
    say('stack: already up in this folder; `node infra/stack/main.ts down` stops it');
    process.stdout.write(already);
    return 1;
  }
  const stack = stackService({ log: say, ...asked });
  await runServices([stack], {
    onReady: () => {
      process.stdout.write(stack.environment);
      say('stack: up until Ctrl-C (the same lines are in .converge/stack.env)');
    },
    onStopping: (reason) => say(`stack: stopping (${reason})`),
  });
  return 0;
}

function status(): number {
  const { instances, environment } = stackStatus();
  for (const { kind, owner, alive } of instances)
    say(`stack: ${kind} of process ${owner.pid}${alive ? '' : ', which died (the next start cleans up)'}`);
  if (environment === undefined) say('stack: none is up in this folder');
  else process.stdout.write(environment);
  return environment === undefined ? 3 : 0;
}

function port(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new TypeError(`"${text}" is no port: 1 to 65535. ${usage}`);
  return number;
}

function brokers(text: string): 1 | 3 {
  if (text !== '1' && text !== '3')
    throw new TypeError(`"${text}" is no number of brokers: 1 or 3. ${usage}`);
  return text === '1' ? 1 : 3;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(`stack: ${describe(error)}`);
  process.exitCode = 1;
}

/** Formats an error: one sentence if a user can resolve it; a defect keeps its stack trace. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = error instanceof ConvergeError || error instanceof TypeError;
  return known ? error.message : (error.stack ?? error.message);
}
