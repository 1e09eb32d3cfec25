import type { Environment } from '@convergekit/config';
import { withLogsTo } from '@convergekit/telemetry';
import { nouns } from '../commands/index.ts';
import { inContext } from './context.ts';
import { explain } from './explain.ts';
import { createOutput, printable, type Streams } from './output.ts';
import { type Call, parse } from './program.ts';
import { readSettings } from './settings.ts';

export interface RunOptions {
  /** Log lines go to `stderr`, too. @default those of the process */
  readonly streams?: Streams;
  /** Libraries read `OTEL_*` and `PG*` from the process itself. @default process.env */
  readonly env?: Environment;
  /** Ends a command that runs until it is stopped, as SIGTERM does. @default only signals of the process end it */
  readonly signal?: AbortSignal;
}

/**
 * Runs the `converge` command. Takes the arguments after its name and resolves with the exit code: 0, 2 when the
 * command line must change, 78 when the settings must change, 1 for any other failure. Never rejects. It closes what it
 * opened and removes its listeners, so that it can run in a process with others.
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<number> {
  const { streams, env = process.env, signal } = options;
  const resolved = { streams: streams ?? process, env, signal };
  if (streams === undefined) return runWith(argv, resolved);
  return withLogsTo(streams.stderr, env['LOG_LEVEL'], () => runWith(argv, resolved));
}

interface ResolvedOptions {
  readonly streams: Streams;
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
}

async function runWith(argv: readonly string[], options: ResolvedOptions): Promise<number> {
  const { streams, env } = options;
  let exitCode = 0;
  try {
    await parse(argv, nouns, streams, async (call) => {
      if (!(await perform(call, options))) exitCode = 1;
    });
    return exitCode;
  } catch (error) {
    const explained = explain(error);
    if (explained.message !== '') streams.stderr.write(`converge: ${printable(explained.message)}\n`);
    if (explained.exitCode !== 0 && wantsStack(env) && error instanceof Error)
      streams.stderr.write(`${error.stack ?? ''}\n`);
    return explained.exitCode;
  }
}

/** Runs a command and prints the result. Returns false when the command found a fault. */
async function perform(
  { command, name, input, json, quiet, config }: Call,
  { streams, env, signal }: ResolvedOptions,
): Promise<boolean> {
  const settings = readSettings(env, config);
  const output = createOutput(streams, { json, quiet });
  const parts = { settings, output, streams, signal, name, yes: input['yes'] === true };
  return inContext(parts, async (context) => {
    const result = await command.run(context, input as never);
    if (result === undefined) return true;
    output.result(result.value, result.lines);
    return result.ok;
  });
}

function wantsStack(env: Environment): boolean {
  return env['LOG_LEVEL'] === 'debug' || env['LOG_LEVEL'] === 'trace';
}
