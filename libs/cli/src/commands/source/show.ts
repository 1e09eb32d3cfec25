import { createInterface } from 'node:readline/promises';
import {
  inspectSource,
  readPhantoms,
  rebaseSource,
  type RebaseReport,
  type SourceInspection,
} from '@convergekit/relay/operate';
import { CliError } from '../../frame/cli-error.ts';
import { openBroker, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { phantomLines, rebaseLines, sourceLines } from './source-text.ts';

export interface ShowFlags {
  readonly phantoms?: boolean;
}

export interface RebaseFlags {
  readonly reason?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

/** Who this source is, and whether its log belongs to it. Resolves to false when a relay would refuse to lead. */
export async function showSource(
  { settings, output }: CommandContext,
  { phantoms }: ShowFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-source', async ({ executor }) => {
    if (phantoms === true) {
      const found = await readPhantoms(executor);
      output.result(found, () => phantomLines(found));
      return true;
    }
    const broker = openBroker(settings, { clientId: 'converge-source' });
    try {
      const inspection = await inspectSource(executor, broker);
      output.result(inspection, () => sourceLines(inspection));
      return fits(inspection);
    } finally {
      await broker.close();
    }
  });
}

function fits({ comparison }: SourceInspection): boolean {
  return comparison.kind === 'compared' && comparison.result.refusals.length === 0;
}

/** Begins a new epoch. Without --yes it shows what it would do, and asks. */
export async function rebaseCommand(
  { settings, output }: CommandContext,
  { reason = 'converge source rebase', yes = false, dryRun = false }: RebaseFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-rebase', async (database) => {
    const broker = openBroker(settings, { clientId: 'converge-rebase' });
    const tell = (report: RebaseReport): void => output.result(report, () => rebaseLines(report));
    try {
      if (dryRun || !yes) {
        const planned = await rebaseSource({ database, broker, reason, dryRun: true });
        if (dryRun) {
          tell(planned);
          return true;
        }
        for (const line of rebaseLines(planned)) output.progress(line);
        await confirm(planned);
      }
      const { signingKey } = settings.relay;
      tell(await rebaseSource({ database, broker, reason, ...(signingKey !== undefined && { signingKey }) }));
      return true;
    } finally {
      await broker.close();
    }
  });
}

async function confirm({ source, epoch }: RebaseReport): Promise<void> {
  if (process.stdin.isTTY) {
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await prompt.question(
      `Begin epoch ${epoch} of ${source.name} (${source.id})? Every other copy of this database must be stopped. [y/N] `,
    );
    prompt.close();
    if (/^y(es)?$/i.test(answer.trim())) return;
  }
  throw new CliError(
    'nothing was changed: a rebase cannot be undone, so it wants a yes (--yes where nobody can be asked, --dry-run to look)',
    { code: 'NOT_CONFIRMED', category: 'configuration' },
  );
}
