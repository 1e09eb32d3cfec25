import type { Environment } from '@convergekit/config';
import { withLogsTo } from '@convergekit/telemetry';
import { CommanderError } from 'commander';
import { nouns } from '../commands/index.ts';
import { EXIT_USAGE } from '@convergekit/operate/errors';
import type { Called } from '@convergekit/operate/host';
import { printable, type Streams } from './output.ts';
import type { ResolvedOptions } from './perform.ts';
import { type Call, parse } from './program.ts';

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
 * @example
 * ```ts
 * import { converge } from 'convergekit/process';
 *
 * process.exitCode = await converge(['relay']); // the command `converge relay`, in a main of your own
 * ```
 */
export function converge(argv: readonly string[], options: RunOptions = {}): Promise<number> {
  const { streams, env = process.env, signal } = options;
  const resolved = { streams: streams ?? process, env, signal };
  if (streams === undefined) return runWith(argv, resolved);
  return withLogsTo(streams.stderr, env['LOG_LEVEL'], () => runWith(argv, resolved));
}

async function runWith(argv: readonly string[], options: ResolvedOptions): Promise<number> {
  const { streams, env } = options;
  let exitCode = 0;
  let called: Call | undefined;
  try {
    await parse(argv, nouns, streams, async (call) => {
      // Settings, driver and broker are loaded for a command that runs: help needs none.
      called = call;
      const { perform } = await import('./perform.ts');
      if (!(await perform(call, options))) exitCode = 1;
    });
    return exitCode;
  } catch (error) {
    // Commander ends help and version by an "error", after it printed the text; a noun without a command prints its help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const { explain } = await import('@convergekit/operate/host');
    const explained = explain(error, called && calledOf(called));
    if (explained.message !== '') streams.stderr.write(`converge: ${printable(explained.message)}\n`);
    if (explained.exitCode !== 0 && wantsStack(env) && error instanceof Error)
      streams.stderr.write(`${error.stack ?? ''}\n`);
    return explained.exitCode;
  }
}

/** The things that a command acts on are its first argument. */
function calledOf({ name, command, input }: Call): Called {
  const [first] = Object.keys(command.args);
  const given = first === undefined ? [] : [input[first]].flat();
  return { name, things: given.filter((one) => typeof one === 'string') };
}

function wantsStack(env: Environment): boolean {
  return env['LOG_LEVEL'] === 'debug' || env['LOG_LEVEL'] === 'trace';
}
