import { z } from 'zod';
import { unreadSchema } from '../attention/schemas.ts';

const rowSchema = z.object({
  id: z.string(),
  at: z.string(),
  by: z.string(),
  role: z.string(),
  act: z.string(),
  subjectKind: z.string(),
  subject: z.string(),
  before: z.record(z.string(), z.unknown()),
  after: z.record(z.string(), z.unknown()),
  /** The subject with its place, and what was done, in words. */
  about: z.string(),
  what: z.string(),
  reason: z.string(),
  database: z.string(),
});

export const auditSchema = z.object({
  rows: z.array(rowSchema),
  /** The cursor of the next page; absent on the last one. */
  next: z.string().optional(),
  databases: z.array(z.string()),
  unread: unreadSchema,
});

export const inputSchema = z.object({
  by: z.string().optional(),
  act: z.string().optional(),
  about: z.string().optional(),
  database: z.string().optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  before: z.string().optional(),
});

export type AuditInput = z.output<typeof inputSchema>;
