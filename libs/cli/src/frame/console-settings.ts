import { z } from 'zod';

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

/** The settings of the console, part of the schema of all commands. */
export const consoleSettings = z.object({
  port: z.number().int().min(0).max(65_535).default(7_070).meta({
    description: 'The port of the pages; 0 takes any free port, which the log names.',
    unit: 'none',
  }),
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('The address that the console listens on; 0.0.0.0 inside a container.'),
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
  viewers: z
    .array(z.string())
    .default([])
    .describe('Users who may read and not act, nor see a payload in full.'),
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
});
