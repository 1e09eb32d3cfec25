import 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The real Postgres and Kafka that the integration tests run on. */
    stack: { databaseUrl: string; brokers: string };
    /** Whether tests that repeat themselves do so at full size; `make test` runs a part of it. */
    full: boolean;
  }
}
