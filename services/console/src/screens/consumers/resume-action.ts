import {
  GIVE_UP_LIMIT,
  type PartitionOverview,
  PAUSED,
  readOverview,
  resumePartition,
} from '@convergekit/inbox/operate';
import { explain } from '@convergekit/operate/host';
import type { Admin } from '@convergekit/broker';
import { z } from 'zod';
import { askBroker } from '../../broker.ts';
import type { ConsoleDatabase, Databases } from '../../databases.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { withQuery } from '../../layout/parts.ts';
import { actOnEach, type Preview } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';

/** Halts of a partition whose log lost its place: an operator decides at the command line where to begin. */
const NEEDS_EARLIEST = ['topic_recreated', 'offset_out_of_range'];

/** Halts that an operator may pass: at a record, or at a limit, which then counts anew. */
const PASSABLE = [
  'gap',
  'fork',
  'position_jump',
  'epoch_superseded',
  'source_not_listed',
  'too_many_sources',
  GIVE_UP_LIMIT,
];

const inputSchema = z.object({
  database: z.string().optional(),
  consumer: z.string().optional(),
  /** `pass`: what is missing at a gap is kept for later; the record of an old primary is skipped; a limit counts anew. */
  obstacle: z.enum(['keep', 'pass']).default('keep'),
});

type Filter = Pick<z.output<typeof inputSchema>, 'database' | 'consumer'>;
type Halted = Pick<PartitionOverview, 'consumer' | 'topic' | 'partition' | 'halted'> & {
  readonly database: string;
};

/** Defines the resumption of halted partitions: all that match the filter. */
export function resumeAction({ action, databases, broker }: ConsoleContext): void {
  action({
    path: '/consumers/resume',
    title: 'Resume partitions',
    summary: 'Resume halted partitions: all that match the filter',
    input: inputSchema,
    concerns: ({ database = '*', consumer = '*' }) => ({ database, consumer }),
    preview: async (filter) => previewOf(await haltedOf(databases, filter), broker !== undefined),
    fields: (_input, { passable = 0 }) => (passable === 0 ? nothing : obstacleField()),
    run: async ({ obstacle, ...filter }, acting) => {
      const { user: by, reason } = acting;
      const eligible = (await haltedOf(databases, filter)).filter((row) => !isMoved(row));
      const { changed, refused } = await askBroker(broker, (admin) =>
        actOnEach(eligible, acting, (row) => {
          const pass = obstacle === 'pass' && isPassable(row);
          return resume(databases.get(row.database), admin, row, { by, reason, pass });
        }),
      );
      const others = refused.length === 0 ? '' : ` Not resumed: ${refused.join('; ')}`;
      return {
        text: `${changed} partitions resumed.${others}`,
        changed,
        href: withQuery('/consumers', filter),
      };
    },
  });
}

async function haltedOf(databases: Databases, { database, consumer }: Filter): Promise<readonly Halted[]> {
  const { rows } = await databases.gather(
    async (executor) => (await readOverview(executor, consumer)).filter(({ halted }) => halted !== null),
    database,
  );
  return rows;
}

/** Resumes one partition. Returns why it was refused; undefined = it was resumed. */
function resume(
  { database }: ConsoleDatabase,
  admin: Admin,
  { consumer, topic, partition }: Halted,
  options: { readonly by: string; readonly reason: string; readonly pass: boolean },
): Promise<string | undefined> {
  return resumePartition(database, admin, { consumer, topic, partition }, options).then(
    () => undefined,
    (error: unknown) => `${consumer} at ${topic}/${partition}: ${explain(error).message}`,
  );
}

/** States which halted partitions can be resumed, and why not the others. Pure. */
export function previewOf(rows: readonly Pick<Halted, 'halted'>[], hasBroker: boolean): Preview {
  const moved = rows.filter(isMoved).length;
  const earliest =
    'their log lost the place: `converge consumers resume --from earliest` decides where to begin';
  return {
    eligible: hasBroker ? rows.length - moved : 0,
    unit: rows.every(({ halted }) => halted?.code === PAUSED) ? 'paused partitions' : 'halted partitions',
    others: [
      { count: moved, why: earliest },
      { count: hasBroker ? 0 : rows.length, why: 'no broker is set: the ends of the logs are not known' },
    ],
    passable: rows.filter(isPassable).length,
    effect: rows.every(({ halted }) => halted?.code === PAUSED)
      ? 'Handlers are called again, from the record at which each partition was paused.'
      : 'Filled events are handled first. A partition whose obstacle is still there halts again at the same place, unless you pass it: then what is missing is recorded as a gap, or the records of an old primary are skipped. After a limit of given-up events, an event that still fails pauses the consumer again within the hour, unless you pass the limit.',
  };
}

function obstacleField(): Html {
  return html`<label
    >What is in the way
    <select name="obstacle">
      <option value="keep">halt again if it is still there</option>
      <option value="pass">
        pass it: continue without what is missing; after a limit, let as many again be given up
      </option>
    </select></label
  >`;
}

function isPassable({ halted }: Pick<PartitionOverview, 'halted'>): boolean {
  return halted !== null && PASSABLE.includes(halted.code);
}

function isMoved({ halted }: Pick<PartitionOverview, 'halted'>): boolean {
  return halted !== null && NEEDS_EARLIEST.includes(halted.code);
}
