import { healthSettings } from '@convergekit/config/engine';
import { brokerSettings } from '@convergekit/local/choose';
import { relayProcessSettings } from '@convergekit/relay/settings';
import { policySettingsSchema } from '@convergekit/resilience';
import { logLevels } from '@convergekit/telemetry/engine';
import { z } from 'zod';
import { ROLES } from './rights.ts';

const milliseconds = z.number().int().positive();

const database = z.object({
  url: z.string().optional().meta({
    description: 'The database of the service, or the one that a command works on.',
    fallback: 'the PG* variables',
    range: 'postgres://user:password@host:port/database',
  }),
});

const signatures = z.object({
  keys: z
    .record(z.string(), z.union([z.string(), z.array(z.string())]))
    .default({})
    .describe(
      'The key of a signed source, by its name, for `converge consumers replay`; two while one is replaced.',
    ),
  others: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe('The treatment of records from sources that `signatures.keys` does not name.'),
});

const scans = z.object({
  everyMs: z
    .union([milliseconds.min(1_000), z.literal('off')])
    .default(60_000)
    .describe(
      'The time between two scans for lost and stalled events and overdue steps; a scan repairs nothing.',
    ),
  stalledMs: milliseconds
    .default(600_000)
    .describe('The time after which an event that was sent and is not handled counts as stalled.'),
  overdueMs: milliseconds
    .default(900_000)
    .describe('The time after which an open step, call or workflow is reported.'),
  ignoredConsumers: z
    .array(z.string())
    .default([])
    .describe('Consumers that are gone for good, and whose rows remain.'),
});

const reconcile = z.object({
  auditMs: milliseconds
    .min(86_400_000)
    .default(7_776_000_000)
    .describe('The time that the audit of repairs and verdicts is kept (default: 90 days).'),
  statementMs: milliseconds
    .default(60_000)
    .describe('The time after which a statement is ended, so that it does not slow the services.'),
  workers: z.number().int().positive().default(4).meta({
    description:
      'The number of keys of one reconciler that are compared at a time; each database is given two connections for each, and two more.',
    unit: 'keys',
  }),
  leaseMs: milliseconds
    .min(1_000)
    .default(30_000)
    .describe('The time after which a process that does not answer is replaced.'),
  scans: scans.prefault({}),
});

const proxy = z.object({
  userHeader: z.string().min(1).optional().meta({
    description:
      'The header in which a reverse proxy passes the name of the user that it has authenticated; such users may act.',
    range: 'x-forwarded-user',
    fallback: 'none: no proxy is trusted',
  }),
  addresses: z
    .array(z.string())
    .default([])
    .describe(
      'The addresses from which the header of the proxy is believed; needed with a header. Every process at one of them may name any user: for a proxy on the same machine give 127.0.0.1 only where no other user has a process.',
    ),
});

const oidc = z.object({
  issuer: z.url().optional().meta({
    description:
      'The address of an OpenID Connect provider with which people sign in. Needs `npm install openid-client`, `clientId`, `redirectUri` and `rights`.',
    range: 'https://login.example/realms/main',
    fallback: 'none: people sign in with tokens',
  }),
  clientId: z.string().min(1).optional().describe('The name under which the provider knows the console.'),
  clientSecret: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'The secret of the console at the provider.', fallback: 'none: a public client' }),
  redirectUri: z.url().optional().meta({
    description:
      'The address to which the provider sends people back, as it is registered there: that of the console in a browser, then `/sign-in/callback`.',
    range: 'https://ops.example/sign-in/callback',
  }),
  scopes: z
    .string()
    .default('openid profile email')
    .describe('The scopes that are asked for, with spaces between; some providers need one for groups.'),
  nameClaim: z
    .string()
    .min(1)
    .default('email')
    .describe(
      'The claim with the name of a person, for `rights` and the audit: one that its person cannot change at the provider. An `email` that is not verified is refused.',
    ),
  groupsClaim: z
    .string()
    .min(1)
    .default('groups')
    .describe('The claim with the groups of a person, to which `rights` are given.'),
  sessionMs: milliseconds
    .min(60_000)
    .max(43_200_000)
    .default(3_600_000)
    .describe(
      'The time after which a person signs in anew; the provider then says the groups anew, so that who left one acts for at most this long.',
    ),
});

const right = z.object({
  role: z
    .enum(ROLES)
    .describe(
      'What its people may do. A viewer reads, with values masked; an operator acts, and sees payloads in full where `payloads` permits it; an administrator also changes, skips and replaces events and states outcomes.',
    ),
  users: z.array(z.string()).default([]).describe('Its users, by name without regard to capitals.'),
  groups: z.array(z.string()).default([]).describe('Its groups, as the login names them.'),
  areas: z
    .array(z.string())
    .default(['*'])
    .describe(
      'Where its people may act: `*`, or names as `database:shop`, `consumer:stock-*`, `saga:order`, `reconciler:*`. They read everywhere.',
    ),
});

const consoleSettings = z.object({
  port: z.number().int().min(0).max(65_535).default(7_070).meta({
    description: 'The port of the pages; 0 takes any free port, which the log names.',
    unit: 'none',
  }),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('The address that the console listens on; 0.0.0.0 inside a container.'),
  basePath: z.string().default('/').meta({
    description:
      'The path under which browsers reach the console: links, redirects and cookies have it in front. A proxy passes it on, and does not take it off.',
    range: '/ops/console',
  }),
  allowedHosts: z
    .array(z.string())
    .default([])
    .describe(
      'Host names under which browsers reach the console, besides localhost; a request for any other is refused.',
    ),
  reads: z.enum(['anyone', 'signed-in']).optional().meta({
    description: 'Who may read: anyone who reaches the console, or users that are signed in.',
    fallback: '`anyone` where it listens on this machine alone, else `signed-in`',
  }),
  rights: z.record(z.string(), right).default({}).meta({
    description:
      'Rights by a name of your own. Without any, each user who signs in is an administrator. With one, a user whom none names may do nothing.',
    fallback: 'none: every user may act',
  }),
  payloads: z
    .enum(['none', 'masked', 'full'])
    .default('masked')
    .describe(
      'What is shown of the data of events: nothing, its shape with every value masked, or, to a signed-in user who asks for it, all of it; such a look is audited. Texts of errors go by it, too: none, without what looks like a value, or, to a signed-in user, whole.',
    ),
  tokens: z
    .record(z.string(), z.string().min(16, 'a token has 16 characters or more: `openssl rand -hex 32`'))
    .default({})
    .meta({
      description:
        'The token with which a user, by the name here, signs in to act; without tokens and proxy the console is read-only.',
      range: '16 characters or more',
    }),
  proxy: proxy.prefault({}),
  oidc: oidc.prefault({}),
});

/**
 * The schema of all commands, so that one environment serves them all. A command that needs an optional setting
 * requires it (`requireBrokers`, `requireDatabase`).
 */
export const settingsSchema = z.object({
  database: database.prefault({}),
  databases: z.record(z.string(), z.string()).default({}).meta({
    description:
      'A database by the name that reconcilers and the pages of the console use; in a service, besides its own.',
    range: 'postgres://user:password@host:port/database',
  }),
  ...brokerSettings,
  health: healthSettings.prefault({}),
  log: z
    .object({ level: z.enum(logLevels).default('info').describe('The least level that is logged.') })
    .prefault({}),
  ...relayProcessSettings,
  signatures: signatures.prefault({}),
  modules: z
    .array(z.string())
    .default([])
    .describe(
      'Files, folders of files, or packages that export sagas and reconcilers: those that the reconciler runs, and that the console draws, resolves by their declarations and compares itself; of others the console shows what was recorded.',
    ),
  policies: policySettingsSchema.prefault({}),
  reconcile: reconcile.prefault({}),
  console: consoleSettings.prefault({}),
});
