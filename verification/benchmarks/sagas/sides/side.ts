import type { Client } from 'pg';
import type { Place } from '../../sides/side.ts';
import type { Owner } from '../business-sql.ts';
import type { Order } from '../order.ts';

/** The groups by which CPU time and memory are reported. */
export const groups = ['node', 'postgres', 'kafka', 'server'] as const;
export type Group = (typeof groups)[number];

/**
 * A: one process, one database. B: four services, four databases.
 */
export type Layout = 'A' | 'B';

export interface SagaSide {
  readonly name: string;
  readonly layout: Layout;
  readonly ours: boolean;
  /** True when its events go through Kafka, whose CPU time then counts. */
  readonly kafka: boolean;
  /** Makes its databases, and starts its processes. They are ready when it resolves. */
  open(place: SagaPlace): Promise<OpenSide>;
}

export interface SagaPlace extends Place {
  readonly providerUrl: string;
}

/** A process of a side. It has another id after a restart. */
export interface SideProcess {
  readonly group: 'node' | 'server';
  readonly pid: () => number;
  readonly start: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly assertAlive: () => void;
}

export interface OpenSide {
  readonly processes: readonly SideProcess[];
  /** The process that the kill drill ends and starts again. */
  readonly worker: SideProcess;
  /** Places an order. Resolves when it is accepted durably; a repeat of its id does nothing. */
  readonly place: (order: Order) => Promise<void>;
  /** Connects to the database of a service's tables. The caller ends the client. */
  readonly connect: (owner: Owner) => Promise<Client>;
  /** Ends the processes and removes databases and topics. */
  readonly remove: () => Promise<void>;
}
