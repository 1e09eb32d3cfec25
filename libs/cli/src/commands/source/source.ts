import { inspectSource, readPhantoms } from '@convergekit/relay/operate';
import { relayMigrations } from '@convergekit/relay';
import { disown, phantomLines, rebase } from '@convergekit/operate/source';
import { actCommand } from '../../frame/act-command.ts';
import { command } from '../../frame/command.ts';
import { toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { sourceLines } from './source-text.ts';

/** Shows this source, and whether its log belongs to it. Fails when a relay would refuse to lead. */
const showCommand = command({
  name: 'show',
  summary:
    'show the source of DATABASE_URL and compare its log with it; exit code 1 when a relay would refuse',
  flags: { phantoms: toggle('list the records beyond the fork of each epoch') },
  run: async (context, { phantoms }) => {
    const { executor } = await context.database(relayMigrations);
    if (phantoms) {
      const found = await readPhantoms(executor);
      return result(found, () => (found.length === 0 ? ['no phantoms'] : phantomLines(found)));
    }
    const inspection = await inspectSource(executor, context.broker());
    const { comparison } = inspection;
    const fits = comparison.kind === 'compared' && comparison.result.refusals.length === 0;
    return result(inspection, () => sourceLines(inspection), fits);
  },
});

export const sourceCommands = [showCommand, ...[rebase, disown].map(actCommand)];
