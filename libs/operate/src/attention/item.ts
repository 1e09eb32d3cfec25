/** The kinds of things that may need an operator. */
export type AttentionKind =
  | 'server'
  | 'saga'
  | 'saga_late'
  | 'saga_paused'
  | 'call'
  | 'workflow'
  | 'dead_letters'
  | 'parked'
  | 'partition'
  | 'partition_waits'
  | 'consumer_paused'
  | 'consumer_gone'
  | 'gap'
  | 'stalled'
  | 'relay'
  | 'locks'
  | 'worker'
  | 'calls'
  | 'reconciler'
  | 'reconciler_paused'
  | 'migrations';

/** Something that needs an operator, or that waits and continues by itself. Its readers add how long ago it began. */
export interface AttentionItem {
  readonly kind: AttentionKind;
  /** `act`: it does not continue before an operator acts. `watch`: it is late, and may continue by itself. */
  readonly severity: 'act' | 'watch';
  /** Its name in docs/guides/alarms.md. */
  readonly alarm: string;
  readonly text: string;
  /** null = the database does not know since when. */
  readonly since: Date | null;
  /** The next command. */
  readonly next: string;
  /** What it is about: a consumer, a topic, a saga, a reconciler. */
  readonly about: {
    readonly consumer?: string | undefined;
    readonly topic?: string | undefined;
    readonly category?: string | undefined;
    readonly code?: string | undefined;
    readonly reconciler?: string | undefined;
    readonly name?: string | undefined;
    readonly id?: string | undefined;
    readonly state?: string | undefined;
  };
}

/** A line of the doctor alone: on the console's home page it would be noise. */
export interface Note extends Pick<AttentionItem, 'text' | 'since' | 'next'> {
  readonly severity: 'note';
}

export type FoundCondition = AttentionItem | Note;
