import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import type { BrokerName } from '@convergekit/local/choose';
import { type Stack, startStack } from '@convergekit/testing';
import { freePorts } from '@convergekit/testing/engine';
import type { Judgement } from './audit/audit.ts';
import { interruption } from '../interrupt.ts';
import { runDemo } from './demo.ts';
import { Child } from './process/child.ts';
import { type Access, accessLines, consoleEnv } from './show/access.ts';
import { keepEvidence } from './show/evidence.ts';
import { script } from './faults/script.ts';
import { type Progress, progress } from './show/progress.ts';
import { repairReport } from './show/repair-report.ts';
import { auditReport, indented, table } from './show/report.ts';
import { buildWorld, type World } from './world.ts';

/** `make demo`: the shop under faults, then the audit. `--keep` (make dev) keeps it up without faults; `--broker local` needs no Kafka. */
const { values } = parseArgs({
  options: {
    broker: { type: 'string', default: 'kafka' },
    keep: { type: 'boolean', default: false },
    rate: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
  },
});
const logFolder = '.converge/demo';
const endings: Readonly<Record<Judgement, { readonly text: string; readonly exitCode: number }>> = {
  agrees: { text: 'All services agree.', exitCode: 0 },
  disagrees: { text: 'The services do not agree: see FAIL above.', exitCode: 1 },
  not_settled: { text: 'Not settled in time: what is open above may yet finish, or is stuck.', exitCode: 3 },
};
const signal = interruption();

const shown = progress(process.stderr, () => systemClock.monotonic());
let stack: Stack | undefined;
let world: World | undefined;
try {
  const broker = brokerNamed(values.broker);
  // A broker that is given is not started.
  const env = broker === 'local' ? { ...process.env, KAFKA_BROKERS: 'none:1' } : process.env;
  stack = await startStack({ log: (line) => shown.note(line), env });
  signal.throwIfAborted();
  // What the audit needs is fetched now, not when all else is done.
  if (broker === 'kafka') await stack.kafkaTools.prepare();
  shown.note(`databases, migrations, topics; the log of each process goes to ${logFolder}/`);
  world = await buildWorld({ stack, logFolder, broker });
  await interruptible(world.start());
  shown.note(`${world.children.length} processes are ready`);
  process.exitCode = values.keep ? await keep(world, shown) : await demo(world, stack);
} catch (error) {
  shown.end();
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = signal.aborted ? 130 : 1;
} finally {
  shown.end();
  // Processes stop before their servers; a part that cannot be stopped does not keep the others.
  await world?.stop().catch(report);
  await stack?.stop().catch(report);
}
process.exit();

function brokerNamed(text: string): BrokerName {
  if (text === 'kafka' || text === 'local') return text;
  throw new Error(`--broker is "${text}": give kafka or local`);
}

async function demo(shop: World, { kafka }: Stack): Promise<number> {
  let drifted = 0;
  const scenes = script(shop, kafka, (keys) => (drifted += keys));
  const { dump, figures, verdicts, judgement, repairs } = await runDemo({
    world: shop,
    scenes,
    perSecond: Number(values.rate),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    drifted: () => drifted,
    progress: shown,
    signal,
  });
  shown.end();
  process.stdout.write(`\n${table(figures)}\n`);
  process.stdout.write(`\ndrift repaired, before → after\n${indented(repairReport(repairs))}\n`);
  process.stdout.write(`\naudit\n${auditReport(verdicts)}\n\n`);
  process.stdout.write(`${endings[judgement].text}\n`);
  if (judgement !== 'agrees') process.stdout.write(`Evidence: ${keepEvidence(logFolder, verdicts, dump)}\n`);
  return endings[judgement].exitCode;
}

async function keep(shop: World, shownTo: Progress): Promise<number> {
  const note = (text: string): void => shownTo.note(text);
  note(`orders:    POST ${shop.ordersUrl}/orders (Idempotency-Key), GET ${shop.ordersUrl}/orders/:id`);
  note(`provider:  PUT ${shop.providerUrl}/admin/behaviour {"mode":"decline"}`);
  const [port = 0, healthPort = 0] = await freePorts(2);
  const access: Access = {
    ...{ urls: shop.urls, log: shop.logEnv },
    console: { port, token: randomBytes(8).toString('hex') },
  };
  const spec = { name: 'console', main: 'services/console/src/main.ts', healthPort };
  const shownBy = new Child({ ...spec, env: consoleEnv(access, healthPort) }, logFolder);
  shownBy.start();
  for (const line of accessLines(access)) note(line);
  for (const { spec } of shop.children)
    note(`health:    http://127.0.0.1:${spec.healthPort}/readyz  ${spec.name}`);
  note('Ctrl-C stops everything');
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await shownBy.stop();
  return 0;
}

async function interruptible<T>(work: Promise<T>): Promise<T> {
  const stop = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([work, stop]);
}

function report(error: unknown): void {
  process.stderr.write(`demo: while stopping: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
