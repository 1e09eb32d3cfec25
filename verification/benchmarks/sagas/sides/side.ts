import type { Client } from 'pg';
import type { Cleanup } from '../../../cleanup.ts';
import type { Owner } from '../business-sql.ts';
import type { Order } from '../order.ts';

/** The groups by which CPU time and memory are reported. */
export const groups = ['node', 'postgres', 'kafka', 'server'] as const;
export type Group = (typeof groups)[number];

/**
 * A: one process, one database. B: four services, four databases.
 */
export type Layout = 'A' | 'B';

/** A way to run the order saga. */
export interface SagaSide {
  readonly name: string;
  readonly layout: Layout;
  /** True for a side of the kit. */
  readonly ours: boolean;
  /** True when its events go through Kafka, whose CPU time then counts. */
  readonly kafka: boolean;
  /** Makes its databases, and starts its processes. They are ready when it resolves. */
  open(place: SagaPlace): Promise<OpenSide>;
}

export interface SagaPlace {
  readonly serverUrl: string;
  readonly brokers: string;
  readonly providerUrl: string;
  readonly cleanup: Cleanup;
  /** The folder for logs and data of processes. */
  readonly folder: string;
}

/** A process of a side. It has another id after a restart. */
export interface SideProcess {
  readonly group: 'node' | 'server';
  readonly pid: () => number;
}

/** The process that the kill drill ends and starts again. */
export interface Worker {
  kill(): Promise<void>;
  /** Resolves when the process is ready. */
  start(): Promise<void>;
}

export interface OpenSide {
  readonly processes: readonly SideProcess[];
  readonly worker: Worker;
  /** Places an order. Resolves when it is accepted durably; a repeat of its id does nothing. */
  place(order: Order): Promise<void>;
  /** Connects to the database of a service's tables. The caller ends the client. */
  connect(owner: Owner): Promise<Client>;
  /** Throws when a process has ended by itself. */
  assertAlive(): void;
  /** Ends the processes and removes databases and topics. */
  remove(): Promise<void>;
}
