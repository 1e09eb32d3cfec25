import { formatPosition } from '@convergekit/contracts/engine';
import type { Source } from '@convergekit/outbox/engine';
import { Wake } from '@convergekit/core/engine';
import { type CopyExecutor, type Counter, DatabaseTime } from '@convergekit/postgres/engine';
import type { Executor } from '@convergekit/postgres';
import { Backlog } from '../backlog/backlog.ts';
import { Lane } from '../backlog/lane.ts';
import { Encoder } from '../batch/encode.ts';
import type { LogComparison } from '../log-check/log-check.ts';
import type { RelaySettings } from '../options.ts';
import { sourceLabel, type SourceLabel } from '../source-label.ts';
import type { Tick } from '../window/tick.ts';
import type { Ending } from './ending.ts';
import type { LeaseMargin } from './lease-loop.ts';
import type { Fence, Takeover } from './takeover-sql.ts';

/** The totals that outlive a leadership. */
export interface Totals {
  published: number;
  /** What the charts of the console show of this relay. */
  readonly counter: Counter;
  /** Monotonic time of the last warning at the commit of a tick. */
  tickWarnedAt?: number;
}

export interface LeadershipParts {
  readonly settings: RelaySettings;
  readonly takeover: Takeover;
  readonly ending: Ending;
  readonly margin: LeaseMargin;
  readonly totals: Totals;
  /** The tick after which this leadership begins, and the lowest id of a later window. */
  readonly done: Tick;
  readonly lowestId: bigint;
  /** The leader's two connections: a long read must not delay the saving of cursors. */
  readonly reads: CopyExecutor;
  readonly writes: Executor;
}

/** The state that the loops of one leadership share. All of it ends with the leadership. */
export class Leadership {
  readonly settings: RelaySettings;
  readonly ending: Ending;
  readonly margin: LeaseMargin;
  readonly totals: Totals;
  readonly reads: CopyExecutor;
  readonly writes: Executor;
  readonly term: bigint;
  /** The server of the takeover: see save-sql.ts. */
  readonly server: string;
  readonly epoch: number;
  readonly source: Source;
  /** The label of every series of this source: a process may serve several. */
  readonly label: SourceLabel;
  readonly fence: Fence;
  /** done_tick at the takeover: windows up to it were read by leaders before. */
  readonly begunAt: bigint;
  /** Read with each poll, and so before anything is sent. */
  readonly time: DatabaseTime;
  readonly encoder: Encoder;
  readonly main: Lane;
  readonly backlog: Backlog;
  /** Wakes the send loop. */
  readonly work = new Wake();
  /** Wakes the read loop when there is room again. */
  readonly room = new Wake();
  /** Wakes the save loop: something was acknowledged, and is saved after `saveMs`. */
  readonly unsaved = new Wake();
  /** Ends the wait of the save loop for more acknowledgements. */
  readonly acked = new Wake();
  /** Wakes the upkeep: a topic or partition was halted. */
  readonly halted = new Wake();
  /** The reason why the broker takes nothing at the moment. */
  brokerTrouble: string | undefined;
  /** Records in this source's name that it cannot have written, as `topic/partition@offset: why`. */
  readonly forged = new Set<string>();

  constructor(parts: LeadershipParts) {
    const { settings, takeover } = parts;
    this.settings = settings;
    this.ending = parts.ending;
    this.margin = parts.margin;
    this.totals = parts.totals;
    this.reads = parts.reads;
    this.writes = parts.writes;
    this.term = takeover.term;
    this.server = takeover.server;
    this.epoch = takeover.source.epoch;
    this.source = takeover.source;
    this.fence = { lease: settings.lease, term: takeover.term };
    this.begunAt = takeover.doneTick;
    const name = settings.source ?? takeover.source.name;
    this.label = sourceLabel(name);
    this.time = new DatabaseTime(settings.clock);
    this.encoder = new Encoder({ ...takeover.source, name }, settings.signingKey);
    this.main = new Lane(undefined, parts.done, parts.lowestId);
    const onHalt = (): void => {
      this.room.notify();
      this.unsaved.notify();
      this.acked.notify();
      this.halted.notify();
    };
    this.backlog = new Backlog({ settings, takeover, main: this.main, onHalt });
  }

  deposed(detail: string): void {
    this.ending.end({ kind: 'deposed', detail });
  }

  sawForged(records: LogComparison['forged']): void {
    for (const { topic, partition, offset, position, why } of records)
      this.forged.add(
        `${topic}/${partition} at offset ${offset}, position ${formatPosition(position, position.nonce)}: ${why}`,
      );
  }
}
