import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { systemClock } from '@convergekit/core';
import type { Admin, Broker } from '@convergekit/broker';
import type { Database, Executor, MigrationSet } from '@convergekit/postgres';
import { logger } from '@convergekit/telemetry';
import {
  openAt,
  openBroker,
  type OpenOptions,
  requireDatabase,
  type Settings,
} from '@convergekit/operate/host';
import { refused, UsageError } from '@convergekit/operate/errors';
import { type OperatorAct, recordAct, requireMigrations } from '@convergekit/postgres/operate';
import type { Output, Streams } from './output.ts';

/** The context of a command. Its connections are closed when the command ends. */
export interface CommandContext {
  readonly settings: Settings;
  readonly output: Output;
  /** The name of this command towards Postgres and Kafka: `converge-topics`. */
  readonly client: string;
  /** The user of the operating system that runs the command. */
  readonly operator: string;
  /** Aborts when the caller of the command ends it, as SIGTERM would. Undefined: nothing but signals of the process do. */
  readonly signal: AbortSignal | undefined;
  /** Returns a signal that SIGINT and SIGTERM abort, from now on, in place of ending the process; and the caller. */
  stopRequested(): AbortSignal;
  /** Opens the database of DATABASE_URL. Rejects with MIGRATIONS_MISSING unless these sets are applied. */
  database(...sets: readonly MigrationSet[]): Promise<Database>;
  databaseAt(url: string | undefined, options?: OpenOptions): Promise<Database>;
  broker(): Broker;
  admin(): Promise<Admin>;
  /** Asks on the terminal unless --yes is given. Rejects without a yes: nothing was changed. */
  confirm(question: string): Promise<void>;
  /** Logs what an operator changed: who, what, with which result. Never payloads. */
  audit(details: Readonly<Record<string, unknown>>): void;
  /** Records acts of this operator in their transaction. */
  record(tx: Executor, act: Omit<OperatorAct, 'by'>): Promise<void>;
}

export interface ContextParts {
  readonly settings: Settings;
  readonly output: Output;
  readonly streams: Streams;
  readonly signal: AbortSignal | undefined;
  /** The command by name: `topics accept`. */
  readonly name: string;
  readonly yes: boolean;
}

const CLOSE_MS = 1_000;

/** Runs a command in a context, and closes what it opened, the last first. */
export async function inContext<T>(
  { settings, output, streams, signal, name, yes }: ContextParts,
  work: (context: CommandContext) => Promise<T>,
): Promise<T> {
  const opened: { close: () => Promise<void> }[] = [];
  const client = `converge-${name.split(' ')[0] ?? ''}`;
  const kept = <O extends { close: () => Promise<void> }>(one: O): O => (opened.push(one), one);
  const broker = (): Broker => kept(openBroker(settings, client));
  const operator = userName();
  const stops = stopSignals(signal);
  const audit = (details: Readonly<Record<string, unknown>>): void =>
    logger('audit').info({ action: name, by: operator, ...details }, `operator: ${name}`);
  try {
    return await work({
      settings,
      output,
      client,
      operator,
      signal,
      stopRequested: stops.listen,
      database: async (...sets) => {
        const url = requireDatabase(settings);
        const database = kept(await openAt(url, client, { setting: settings.databaseSetting }));
        if (sets.length > 0) await requireMigrations(database.executor, sets);
        return database;
      },
      databaseAt: async (url, options) => kept(await openAt(url, client, options)),
      broker,
      admin: () => broker().admin(),
      confirm: (question) => (yes ? Promise.resolve() : ask(question, streams)),
      audit,
      record: (tx, act) => recordAct(tx, { ...act, by: operator }),
    });
  } finally {
    stops.dispose();
    for (const one of opened.toReversed()) await closed(one);
  }
}

// A statement that hangs keeps its connection, and the pool would wait for it. The operator asked for an end, and the
// connection ends with the process.
async function closed(one: { close: () => Promise<void> }): Promise<void> {
  const patience = new AbortController();
  await Promise.race([one.close(), systemClock.sleep(CLOSE_MS, patience.signal)]);
  patience.abort();
}

/** Listens for signals of the process on request; a second one ends the process, as it does without a listener. */
function stopSignals(caller: AbortSignal | undefined): { listen: () => AbortSignal; dispose: () => void } {
  const stop = new AbortController();
  const onStop = (): void => stop.abort();
  return {
    listen: () => {
      process.once('SIGINT', onStop).once('SIGTERM', onStop);
      return caller === undefined ? stop.signal : AbortSignal.any([stop.signal, caller]);
    },
    dispose: () => void process.off('SIGINT', onStop).off('SIGTERM', onStop),
  };
}

async function ask(question: string, { stdin, stderr }: Streams): Promise<void> {
  if (stdin?.isTTY !== true)
    throw new UsageError(
      'NOT_CONFIRMED',
      'nothing was changed: the command asks for confirmation, and there is no terminal; add --yes',
    );
  const prompt = createInterface({ input: stdin, output: stderr });
  const answer = await prompt.question(`${question} [y/N] `);
  prompt.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw refused('NOT_CONFIRMED', 'nothing was changed: not confirmed');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user without a name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
