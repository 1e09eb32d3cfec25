import { rebaseSource } from '@convergekit/relay/operate';
import { act } from '../registry/act.ts';
import { concernedOf, oneSource, tables } from './one-source.ts';
import { rebaseLines } from './text.ts';

/** Begins a new epoch. */
export const rebase = act({
  name: 'source.rebase',
  title: 'Begin a new epoch',
  summary: 'begin a new epoch after a restore or a failover that lost commits; no relay may lead',
  did: 'rebased',
  needs: 'administrator',
  tables,
  input: {},
  concerns: concernedOf,
  preview: async (reads) => {
    const { database } = await oneSource(reads);
    const look = { database, broker: reads.broker(), by: 'a look', reason: 'a look', dryRun: true };
    const planned = await rebaseSource(look);
    const { epoch, source } = planned;
    return {
      eligible: 1,
      unit: 'source',
      others: [],
      effect: `Epoch ${epoch} of ${source.name} (${source.id}) begins. It cannot be undone, and every other copy of this database must be stopped.`,
      refusal: 'TOPIC_REFUSED',
      notes: rebaseLines(planned),
      things: () => Promise.resolve({ rows: planned, lines: [] }),
    };
  },
  run: async (reads, _input, { by, reason }) => {
    const { database } = await oneSource(reads);
    const { signingKey } = reads.settings.relay;
    const signed = signingKey === undefined ? {} : { signingKey };
    const report = await rebaseSource({ database, broker: reads.broker(), by, reason, ...signed });
    const [text = '', ...lines] = rebaseLines(report);
    return { text, changed: 1, lines, value: report };
  },
});
