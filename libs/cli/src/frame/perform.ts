import { inContext } from './context.ts';
import type { Environment } from '@convergekit/config';
import { createOutput, type Streams } from './output.ts';
import type { Call } from './program.ts';
import { readSettings } from '@convergekit/operate/host';

/** Where a command line runs. */
export interface ResolvedOptions {
  readonly streams: Streams;
  readonly env: Environment;
  readonly signal: AbortSignal | undefined;
}

/** Runs a command and prints the result. Returns false when the command found a fault. */
export async function perform(
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
