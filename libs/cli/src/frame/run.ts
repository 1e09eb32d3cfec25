import { nouns } from '../commands/index.ts';
import { inContext } from './context.ts';
import { explain } from './explain.ts';
import { createOutput, printable, type Streams } from './output.ts';
import { type Call, parse } from './program.ts';
import { readSettings } from './settings.ts';

/**
 * Runs the `converge` command. Takes the arguments after its name and resolves with the exit code: 0, 2 when the
 * command line must change, 78 when the settings must change, 1 for any other failure. Never rejects.
 */
export async function run(argv: readonly string[], streams: Streams = process): Promise<number> {
  let exitCode = 0;
  try {
    await parse(argv, nouns, streams, async (call) => {
      if (!(await perform(call, streams))) exitCode = 1;
    });
    return exitCode;
  } catch (error) {
    const explained = explain(error);
    if (explained.message !== '') streams.stderr.write(`converge: ${printable(explained.message)}\n`);
    if (explained.exitCode !== 0 && wantsStack() && error instanceof Error)
      streams.stderr.write(`${error.stack ?? ''}\n`);
    return explained.exitCode;
  }
}

/** Runs a command and prints the result. Returns false when the command found a fault. */
async function perform(
  { command, name, input, json, quiet, config }: Call,
  streams: Streams,
): Promise<boolean> {
  const settings = readSettings(process.env, config);
  const output = createOutput(streams, { json, quiet });
  const parts = { settings, output, name, yes: input['yes'] === true };
  return inContext(parts, async (context) => {
    const result = await command.run(context, input as never);
    if (result === undefined) return true;
    output.result(result.value, result.lines);
    return result.ok;
  });
}

function wantsStack(): boolean {
  return process.env['LOG_LEVEL'] === 'debug' || process.env['LOG_LEVEL'] === 'trace';
}
