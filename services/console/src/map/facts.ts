/** What the database of one service knows of its parts. */
export interface ServiceFacts {
  readonly database: string;
  /** undefined: the database has sent nothing, and no relay was started for it. */
  readonly source: SourceFacts | undefined;
  readonly consumers: readonly ConsumerFacts[];
  readonly sagas: readonly SagaFacts[];
  readonly reconcilers: readonly ReconcilerFacts[];
  readonly rates: readonly Rate[];
  readonly lags: readonly Lag[];
}

interface SourceFacts {
  readonly leads: boolean;
  readonly topics: readonly string[];
}

export interface ConsumerFacts {
  readonly name: string;
  readonly topics: readonly string[];
  /** The names of its handlers; those of a saga's steps begin with the name of the saga. */
  readonly handlers: readonly string[];
  readonly parkedKeys: number;
  /** Partitions that are halted, paused, or wait for something. */
  readonly halted: number;
  readonly paused: number;
  readonly waits: number;
}

/** The instances of a saga that have not ended. */
export interface SagaFacts {
  readonly name: string;
  readonly open: number;
  readonly stuck: number;
}

export interface ReconcilerFacts {
  readonly name: string;
  readonly held: boolean;
  readonly paused: boolean;
  /** Keys that no program may repair. */
  readonly unresolved: number;
}

/** What a part did in the last minute; `topic` null: in sum. */
export interface Rate {
  readonly part: 'relay' | 'consumer' | 'reconciler';
  readonly name: string;
  readonly topic: string | null;
  readonly perSecond: number;
}

/** The events that wait for a part. */
export interface Lag {
  readonly part: Rate['part'];
  readonly name: string;
  readonly lag: number;
}
