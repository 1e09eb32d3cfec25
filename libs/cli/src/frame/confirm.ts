import { createInterface } from 'node:readline/promises';
import { CliError } from './cli-error.ts';

/** Asks on the terminal; without one, or without a yes, nothing is changed and the command fails. */
export async function confirm(question: string, { yes = false }: { readonly yes?: boolean }): Promise<void> {
  if (yes) return;
  if (process.stdin.isTTY) {
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await prompt.question(`${question} [y/N] `);
    prompt.close();
    if (/^y(es)?$/i.test(answer.trim())) return;
  }
  throw new CliError(
    'nothing was changed: this wants a yes (--yes where nobody can be asked, --dry-run to look)',
    { code: 'NOT_CONFIRMED', category: 'configuration' },
  );
}
