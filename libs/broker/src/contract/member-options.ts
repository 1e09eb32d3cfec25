import type {
  Assignment,
  ConsumerHandlers,
  ConsumerOptions,
  IncomingBatch,
  PartitionControl,
  RevokeReason,
  StartAt,
} from '../broker.ts';

export interface MemberOptions extends Partial<Omit<ConsumerOptions, 'handlers'>> {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly startAt?: (place: Assignment) => StartAt;
  readonly assigned?: (places: readonly Assignment[]) => Promise<void>;
  readonly batch?: (batch: IncomingBatch, control: PartitionControl) => Promise<void>;
  readonly placeLost?: ConsumerHandlers['placeLost'];
  readonly fetchStalled?: ConsumerHandlers['fetchStalled'];
  /** Work that a revocation causes. */
  readonly revoked?: (why: RevokeReason) => Promise<void>;
}
