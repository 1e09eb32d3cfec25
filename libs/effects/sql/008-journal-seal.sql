-- Seals of the journal: each row's covers the row and the seal of the row before, the fence's covers the fence and the last
-- row. They are written by the statement that writes the row: see src/fence/seal-sql.ts, and `converge saga verify`.
create function converge.saga_seal(parts text[]) returns text
  language sql stable parallel safe
  return pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.array_to_json(parts)::text, 'UTF8')), 'hex');

alter table converge.saga_step add column seal text;
alter table converge.saga_fence
  add column journal_seal text,  -- of the last row of its journal
  add column seal         text;
