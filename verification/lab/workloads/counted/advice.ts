import { cli } from '../../../../libs/cli/src/fixture/cli.ts';
import type { Environment } from '../../operator.ts';

/** Returns the commands that a text for operators advises, without those that have a place to fill in. Pure. */
export function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/`(converge [^`<>]+)`/g)].map(([, command = '']) => command);
}

/** Splits a command as a shell does that knows only words and double quotes. Pure. */
export function wordsOf(command: string): readonly string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word = '']) => quoted ?? word);
}

/** Runs a command as it was printed. Rejects when it does not end with 0. */
export async function runAsTyped(command: string, env: Environment): Promise<string> {
  const [, ...words] = wordsOf(command);
  const { code, stdout, stderr } = await cli(words, { LOG_LEVEL: 'fatal', ...env });
  if (code !== 0) throw new Error(`\`${command}\`, as typed, ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}
