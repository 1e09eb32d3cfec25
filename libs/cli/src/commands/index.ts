import type { Noun } from '../frame/command.ts';

/** The nouns below `converge`, in the order of the help. */
export const nouns: readonly Noun[] = [
  {
    name: 'init',
    summary: 'write a small service to start from into a new folder',
    load: async () => (await import('./init/init.ts')).initCommand,
  },
  {
    name: 'dev',
    summary: 'run a service for development: a Postgres, its migrations, and a restart when a file changes',
    load: async () => (await import('./dev/dev.ts')).devCommand,
  },
  {
    name: 'migrate',
    summary: 'create or update the tables of converge in DATABASE_URL',
    load: async () => (await import('./migrate/migrate.ts')).migrateCommand,
  },
  {
    name: 'roles',
    summary: 'print the SQL of database roles with the least rights',
    load: async () => (await import('./roles/roles.ts')).rolesCommand,
  },
  {
    name: 'relay',
    summary: 'publish the outbox of DATABASE_URL to the broker',
    load: async () => (await import('./relay/relay.ts')).relayCommand,
  },
  {
    name: 'doctor',
    summary: 'check a whole service, from its database to its reconcilers; changes nothing',
    load: async () => (await import('./doctor/doctor.ts')).doctorCommand,
  },
  {
    name: 'print-config',
    summary: 'the settings in force: value and source of each, secrets hidden',
    load: async () => (await import('./print-config/print-config.ts')).printConfigCommand,
  },
  {
    name: 'audit',
    summary: 'who did what and why: every act of an operator in DATABASE_URL',
    load: async () => (await import('./audit/audit.ts')).auditCommand,
  },
  {
    name: 'topics',
    summary: 'create and check the topics that events go to',
    load: async () => (await import('./topics/index.ts')).topicCommands,
  },
  {
    name: 'local',
    summary: 'the log in Postgres of local mode, and the way to Kafka',
    load: async () => [(await import('./local/export.ts')).exportCommand],
  },
  {
    name: 'schemas',
    summary: 'JSON Schemas and the AsyncAPI document of your events',
    load: async () => (await import('./schemas/schemas.ts')).schemaCommands,
  },
  {
    name: 'source',
    summary: 'the identity of this outbox, and its epochs',
    load: async () => (await import('./source/source.ts')).sourceCommands,
  },
  {
    name: 'outbox',
    summary: 'look into the outbox, and emit events again',
    load: async () => (await import('./outbox/index.ts')).outboxCommands,
  },
  {
    name: 'consumers',
    summary: 'see where consumers are, pause them, and resume those that are halted',
    load: async () => (await import('./consumers/index.ts')).consumerCommands,
  },
  {
    name: 'event',
    summary: 'look at single events',
    load: async () => [
      (await import('./event/find.ts')).findCommand,
      (await import('./event/history.ts')).historyCommand,
    ],
  },
  {
    name: 'parked',
    summary: 'dead letters, and events that wait behind a failed event of their key',
    load: async () => (await import('./parked/index.ts')).parkedCommands,
  },
  {
    name: 'call',
    summary: 'calls to other systems that wait or are stuck',
    load: async () => (await import('./call/call.ts')).callCommands,
  },
  {
    name: 'workflow',
    summary: 'workflows that are being undone or are stuck',
    load: async () => (await import('./workflow/workflow.ts')).workflowCommands,
  },
  {
    name: 'saga',
    summary: 'the state of sagas, what happened in them and why',
    load: async () => (await import('./saga/index.ts')).sagaCommands,
  },
  {
    name: 'policy',
    summary: 'policies: where they come from, what they do, how they are changed',
    load: async () => (await import('./policy/index.ts')).policyCommands,
  },
  {
    name: 'reconcile',
    summary: 'find and repair divergence between services',
    load: async () => (await import('./reconcile/index.ts')).reconcileCommands,
  },
];
