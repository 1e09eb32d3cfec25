import { explain } from './explain.ts';
import { printable, type Streams } from './output.ts';
import { buildProgram, type Ending } from './program.ts';

/**
 * The `converge` command. Takes the arguments after the command's name and resolves with the exit code: 0, 78 when
 * the configuration must change, 1 for any other failure. Never rejects, and leaves nothing running.
 */
export async function run(argv: readonly string[], streams: Streams = process): Promise<number> {
  try {
    const ending: Ending = { exitCode: 0 };
    await buildProgram(streams, ending).parseAsync([...argv], { from: 'user' });
    return ending.exitCode;
  } catch (error) {
    const { message, exitCode } = explain(error);
    if (message !== '') streams.stderr.write(`converge: ${printable(message)}\n`);
    if (exitCode !== 0 && wantsStack() && error instanceof Error)
      streams.stderr.write(`${error.stack ?? ''}\n`);
    return exitCode;
  }
}

function wantsStack(): boolean {
  return process.env['LOG_LEVEL'] === 'debug' || process.env['LOG_LEVEL'] === 'trace';
}
