import type { Executor } from '@convergekit/postgres';
import type { ActName, SubjectKind } from '@convergekit/postgres/operate';

/** An act of an operator, as the audit has it. */
export interface AuditRow {
  readonly id: string;
  /** ISO 8601, with microseconds: acts of one transaction keep their order. */
  readonly at: string;
  /** The name that the operator gave. */
  readonly by: string;
  /** The login, which no caller chooses. */
  readonly role: string;
  readonly act: ActName;
  readonly subjectKind: SubjectKind;
  readonly subject: string;
  /** Places, states and counts of before. */
  readonly before: ActFacts;
  readonly after: ActFacts;
  readonly reason: string;
}

export type ActFacts = Readonly<Record<string, unknown>>;

interface AuditFilter {
  readonly by?: string | undefined;
  /** The beginning of an act: `parked` matches `parked skip`. */
  readonly act?: string | undefined;
  /** A part of the subject; or its key, parked id, topic, consumer, saga or step; or the id of an event that came of the act. */
  readonly about?: string | undefined;
  /** Exactly this thing. */
  readonly on?: Subject | undefined;
  readonly from?: Date | undefined;
  /** Rows before this moment, or at it with a lower id, are read. */
  readonly before?: { readonly at: string; readonly id: string } | undefined;
}

// Times and padded ids sort as texts: rows of several databases are merged by them.
const columns = `lpad(id::text, 12, '0') as id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, by, role, act,
  subject_kind as "subjectKind", subject_id as subject, before, after, reason`;

// Backwards by the primary key, or by audit_subject.
const auditSql = `
  select ${columns} from converge.audit
   where ($1::text is null or by = $1) and ($2::text is null or starts_with(act, $2))
     and ($3::text is null or strpos(subject_id, $3) > 0 or $3 in (before ->> 'key', before ->> 'parked', before ->> 'topic',
          before ->> 'consumer', before ->> 'saga', before ->> 'step', after ->> 'event'))
     and ($4::timestamptz is null or at >= $4)
     and ($5::timestamptz is null or (at, id) < ($5, $6::bigint))
     and ($7::text is null or (subject_kind = $7 and subject_id = $8))
   order by audit.id desc limit $9`;

/** Reads the acts of operators that a database records, the newest first. */
export async function readOperatorAudit(
  executor: Executor,
  { by, act, about, from, before, on }: AuditFilter,
  limit: number,
): Promise<readonly AuditRow[]> {
  const given = [by, act, about, from, before?.at, before?.id, on?.kind, on?.id];
  const values = given.map((value) => value ?? null);
  return (await executor.query<AuditRow>(auditSql, [...values, limit])).rows;
}

export interface Subject {
  readonly kind: SubjectKind;
  readonly id: string;
}

/** The acts of one story that are read at most. */
const MOST = 1_000;

// By audit_subject.
const aboutSql = `
  select ${columns} from unnest($1::text[], $2::text[]) named (kind, subject)
    join converge.audit on subject_kind = named.kind and subject_id = named.subject
   order by audit.id desc limit ${MOST}`;

/** Reads the acts on these things, at most the newest thousand, the oldest first. */
export async function readActsOn(
  executor: Executor,
  subjects: readonly Subject[],
): Promise<readonly AuditRow[]> {
  const named = [...new Map(subjects.map((one) => [`${one.kind} ${one.id}`, one])).values()];
  if (named.length === 0) return [];
  const values = [named.map(({ kind }) => kind), named.map(({ id }) => id)];
  return (await executor.query<AuditRow>(aboutSql, values)).rows.toReversed();
}

// A scan of the audit, for one command: the thing may be named by the id of its parked row, which has no index.
const lastSql = `
  select distinct on (thing) ${columns}
    from converge.audit, lateral (select coalesce(before ->> 'parked', subject_id) as thing) named
   where thing = any ($1) and ($2::text is null or subject_kind = $2) order by thing, audit.id desc`;

/** Reads the last act on each of these things, which are named by ids of parked rows or by their subjects. `kind`: of this kind alone. */
export async function readLastActs(
  executor: Executor,
  named: readonly string[],
  kind: SubjectKind | undefined,
): Promise<readonly AuditRow[]> {
  return (await executor.query<AuditRow>(lastSql, [named, kind ?? null])).rows;
}
