import type { Executor } from './executor.ts';

/** A property of an object in the schema `converge`, such as a column of a table. */
export interface CatalogueEntry {
  /** `table outbox`, `function emit(text, text, …)`. */
  readonly object: string;
  /** `column topic`, `index outbox_xid`, `body`. */
  readonly property: string;
  readonly value: string;
  /** True for a partition: children of the outbox come and go, so a missing one is no difference. */
  readonly isPartition: boolean;
}

// Reads the catalogue only; no lock beyond its own. NOT NULL is a property of the column (Postgres 18 has constraints
// for it, whose names depend on how the column was made), and NOT VALID is left out: validation changes no rule.
// Comments and spaces in functions do not count. Only grants to PUBLIC are compared: `converge roles` grants roles.
const catalogueSql = `
  with relation as (
    select c.*, case c.relkind when 'S' then 'sequence ' when 'v' then 'view ' else 'table ' end || c.relname as object
      from pg_class c where c.relnamespace = 'converge'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
  ), routine as (
    select p.*, 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as object
      from pg_proc p where p.pronamespace = 'converge'::regnamespace
  )
  select object, 'kind' as property, concat_ws(' ', relkind, relpersistence, pg_get_partkeydef(oid),
         array_to_string(reloptions, ','), case relkind when 'v' then md5(pg_get_viewdef(oid)) end) as value, relispartition as partition
    from relation
  union all
  select r.object, 'column ' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
         case when a.attnotnull then 'not null' end, 'default ' || pg_get_expr(d.adbin, d.adrelid),
         'identity ' || nullif(a.attidentity::text, ''), 'generated ' || nullif(a.attgenerated::text, ''),
         (select 'collate ' || l.collname from pg_collation l join pg_type t on t.oid = a.atttypid
           where l.oid = a.attcollation and l.oid <> t.typcollation)), r.relispartition
    from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where r.relkind <> 'S'
  union all
  select r.object, 'order of columns', string_agg(a.attname, ', ' order by a.attnum), r.relispartition
    from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
   where r.relkind <> 'S' group by r.object, r.relispartition
  union all
  select r.object, 'constraint ' || k.conname, replace(pg_get_constraintdef(k.oid), ' NOT VALID', ''), r.relispartition
    from relation r join pg_constraint k on k.conrelid = r.oid and k.contype <> 'n'
  union all
  select r.object, 'index ' || i.indexrelid::regclass::text,
         pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' (invalid)' end, r.relispartition
    from relation r join pg_index i on i.indrelid = r.oid
  union all
  select r.object, 'trigger ' || t.tgname, pg_get_triggerdef(t.oid), r.relispartition
    from relation r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  union all
  select r.object, 'sequence', concat_ws(' ', format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
         s.seqcache, s.seqcycle), false
    from relation r join pg_sequence s on s.seqrelid = r.oid
  union all
  select object, 'body', md5(regexp_replace(regexp_replace(pg_get_functiondef(oid), '--[^\\n]*', '', 'g'), '\\s+', ' ', 'g')), false
    from routine
  union all
  select r.object, 'grant to PUBLIC of ' || lower(g.privilege_type), 'granted', r.relispartition
    from relation r, aclexplode(r.relacl) g where g.grantee = 0
  union all
  select r.object, 'grant to PUBLIC of ' || lower(g.privilege_type) || ' on column ' || a.attname, 'granted', r.relispartition
    from relation r join pg_attribute a on a.attrelid = r.oid, aclexplode(a.attacl) g where g.grantee = 0
  union all
  select r.object, 'grant to PUBLIC of execute', 'granted', false
    from routine r, aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) g where g.grantee = 0
  order by 1, 2`;

/** Reads what the schema `converge` consists of, apart from rows. */
export async function readCatalogue(executor: Executor): Promise<readonly CatalogueEntry[]> {
  const { rows } = await executor.query<Omit<CatalogueEntry, 'isPartition'> & { partition: boolean }>(
    catalogueSql,
  );
  return rows.map(({ partition, ...row }) => ({ ...row, isPartition: partition }));
}

/**
 * Lists where a database differs from the wanted catalogue, one sentence each. Pure.
 * Objects that the wanted catalogue does not have belong to other packages or to an operator: they are no difference. Nor is
 * a grant to PUBLIC that was revoked.
 */
export function catalogueDifferences(
  wanted: readonly CatalogueEntry[],
  found: readonly CatalogueEntry[],
): readonly string[] {
  const wantedOf = Map.groupBy(wanted, ({ object }) => object);
  const foundOf = Map.groupBy(found, ({ object }) => object);
  return [...wantedOf].flatMap(([object, entries]) => {
    const present = foundOf.get(object);
    if (present === undefined)
      return entries.some(({ isPartition }) => isPartition) ? [] : [`${object} is missing`];
    return objectDifferences(object, entries, present);
  });
}

function objectDifferences(
  object: string,
  wanted: readonly CatalogueEntry[],
  found: readonly CatalogueEntry[],
): readonly string[] {
  const values = new Map(found.map(({ property, value }) => [property, value]));
  const known = new Set(wanted.map(({ property }) => property));
  const extra = found
    .filter(({ property }) => !known.has(property))
    .map(({ property, value }) => `${object}: ${property} is not in the schema (${value})`);
  const others = wanted.flatMap(({ property, value }) => {
    const actual = values.get(property);
    if (actual === value || (actual === undefined && property.startsWith('grant '))) return [];
    const wants = `the schema has ${JSON.stringify(value)}`;
    return actual === undefined
      ? [`${object}: ${property} is missing; ${wants}`]
      : [`${object}: ${property} is ${JSON.stringify(actual)}; ${wants}`];
  });
  const all = [...others, ...extra];
  // The order of columns differs, too, where the columns differ.
  const columns = all.some((line) => line.startsWith(`${object}: column `));
  return columns ? all.filter((line) => !line.startsWith(`${object}: order of columns `)) : all;
}
