import type { EventDefinition } from '@convergekit/contracts';
import type { Service } from '@convergekit/core';
import type { Checks } from '@convergekit/config';
import type { SagaObserverOptions, SagaWorkerOptions, Workflow, Workflows } from '@convergekit/saga';
import type { ConsumerDefinition, ConsumerServiceOptions } from '@convergekit/inbox';
import type { TransactionFunction } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import type { Reconciler, ReconcileOptions } from '@convergekit/reconcile';
import type { RelayOptions } from '@convergekit/relay';
import type { PolicyLayer, SharedGuards } from '@convergekit/resilience';
import type { SagaDeclaration } from '@convergekit/saga/declare';
import type { logger } from '@convergekit/telemetry';
import type { Kysely } from 'kysely';
import type { HttpApp } from './http/app.ts';
import type { OwnSettings, SettingsWith } from './settings.ts';
import type { MissingTopics } from './topics.ts';

/** A consumer of any tables: those of one service share its database, and each knows its own tables. */
export type AnyConsumer = Pick<ConsumerDefinition<never>, 'name' | 'topics' | 'failureTopic'> & {
  /** The handlers, whose types only the consumer knows. */
  readonly subscriptions: readonly object[];
};

/** A saga, as `defineSaga(…)` declares it. */
export interface AnySaga {
  /** The steps and events of the saga. */
  readonly declaration: SagaDeclaration;
}

/** A part of a service, such as a timer. `live` is its part of /livez. */
export type Part = Service & { live?(): Checks };

/** What a service gives to its own code. */
export interface ServiceParts<
  DB = unknown,
  Own extends OwnSettings = OwnSettings,
  Types extends string = string,
> {
  /** The settings in force: the kit's, and the service's own, each parsed by its schema. */
  readonly settings: SettingsWith<Own>;
  /** The connections to the service's database, for functions that take a `Database`. */
  readonly database: Database<DB>;
  /** Kysely on those connections: reads, and writes without events. */
  readonly db: Kysely<DB>;
  /** Writes rows and emits events of `emits` in one transaction of the service's database: both or neither. */
  readonly transaction: TransactionFunction<DB, Types>;
  /** Starts a workflow of `workflows`, and resolves with its result. */
  readonly startWorkflow: Workflows['startWorkflow'];
  /** Breakers and retry budgets of the process, for operations. */
  readonly shared: SharedGuards;
  /** The log of the service, as JSON lines or text. */
  readonly log: ReturnType<typeof logger>;
}

/** Options of the parts that a service makes. Their databases, brokers and policies are the service's. */
export interface Tuning<DB> {
  /** Slices, parking and retention of the consumers. @default the kit's, see the options of `consumerService` */
  readonly consumers?: Omit<ConsumerServiceOptions<DB>, 'database' | 'broker' | 'policies'>;
  /** Leases, pauses and alarms of the worker that makes calls. @default the kit's, see the options of `sagaWorker` */
  readonly worker?: Omit<SagaWorkerOptions<DB>, 'database' | 'wokenBy' | 'shared'>;
  /** Name and time limits of the observer of sagas. @default the kit's, see the options of `sagaObserver` */
  readonly observer?: Omit<SagaObserverOptions, 'sagas'>;
  /**
   * Leases, pace and retention of the relay; they replace what the settings `relay.*` say. @default the kit's, see the options of
   * `relay`
   */
  readonly relay?: Omit<RelayOptions, 'database' | 'broker'>;
  /** Workers and pace of the reconcilers. @default the kit's, see the options of `reconcilerService` */
  readonly reconcilers?: Omit<ReconcileOptions, 'databases'>;
}

/** The declaration of a service: what runs in one process, with one database. */
export interface ServiceDefinition<
  DB = unknown,
  Own extends OwnSettings = OwnSettings,
  Types extends string = string,
> {
  /** The consumers. The worker of their calls and saga steps, and their drains, run with them. @default none */
  readonly consumers?:
    | readonly AnyConsumer[]
    | ((parts: Pick<ServiceParts<DB, Own>, 'settings' | 'shared' | 'log'>) => readonly AnyConsumer[]);
  /** The sagas that this service observes: their state, deadlines and metrics, here and in no other service. @default none */
  readonly sagas?: readonly AnySaga[];
  /** The workflows that `run` of the parts accepts; their worker runs here. @default none */
  readonly workflows?: readonly Workflow[];
  /** The reconcilers. The service's own database has the service's name; the settings name the others. @default none */
  readonly reconcilers?: readonly Reconciler[];
  /**
   * The events that the parts emit in a `transaction`, which refuses others. The compiler does, too, where `defineService` has no
   * type argument: `http` or another part names the tables, `(parts: Pick<ServiceParts<Tables>, 'db'>) => …`. Their topics are
   * checked at the start. @default none
   */
  readonly emits?: readonly EventDefinition<Types>[];
  /**
   * Whether the relay of this database runs in the process. `false`: `converge relay` runs beside; the log says so while
   * none leads, since failure events wait and nothing is compensated. @default true with `consumers`, `sagas` or `emits`
   */
  readonly relay?: boolean;
  /**
   * Makes the HTTP API: an application of Hono (any with `fetch`), Express or Fastify, or a function `(request, response)`.
   * The settings `http.port`, `http.host` and `http.maxBodyBytes` are the service's, as are the refusal of requests whose
   * deadline has passed, and a stop that answers what is in flight. It starts last and stops first. @default none
   */
  readonly http?: (parts: ServiceParts<DB, Own, Types>) => HttpApp | Promise<HttpApp>;
  /** The service's own parts, such as a timer. They start behind the kit's, and stop before them. @default none */
  readonly parts?: (parts: ServiceParts<DB, Own, Types>) => readonly Part[];
  /** Called once, when everything has started. A rejection ends the service. @default nothing */
  readonly onReady?: (parts: ServiceParts<DB, Own, Types>) => void | Promise<void>;
  /**
   * The treatment of topics that are missing at the start: `check` = the start is refused, and all are named; `create` =
   * they are created, for development. @default 'create' where NODE_ENV is development, else 'check'
   */
  readonly topics?: MissingTopics;
  /** The service's own settings, a schema for each name: `CONVERGE__<NAME>`. @default none */
  readonly settings?: Own;
  /** The policies of the code, below the settings and the central table. @default the kit's */
  readonly policies?: PolicyLayer['rules'];
  /**
   * Options of the kit's parts, for what no setting changes. Leave it out until a measurement asks for it. @default none
   */
  readonly tuning?: Tuning<DB>;
}
