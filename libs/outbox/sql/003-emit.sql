-- UUIDv7 for servers before 18, which have no uuidv7().
create function converge.new_uuid_v7() returns uuid
  language sql volatile parallel safe
  as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
              placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid $$;

-- Refuses what the TypeScript side refuses, with what is wrong and what to do. 22023 is classified as `data`.
create function converge.emit_check(topic text, key text, type text, payload text, version int) returns void
  language plpgsql
  as $$
declare
  unpaired text;
begin
  if topic is null or topic !~ '^[A-Za-z0-9._-]{1,249}$' or topic in ('.', '..') then
    raise exception 'converge.emit: topic must be a Kafka topic name: at most 249 of letters, digits, ".", "_", "-"'
      using errcode = '22023';
  end if;
  if type is null or type = '' or octet_length(type) > 200 or type ~ '[\x01-\x1f\x7f]' then
    raise exception 'converge.emit: type must be 1 to 200 bytes of text, for example shop.order.placed' using errcode = '22023';
  end if;
  if key is null or key = '' or octet_length(key) > 1024 or key ~ '[\x01-\x1f\x7f]' then
    raise exception 'converge.emit: the key of % must be 1 to 1024 bytes of text without control characters', type
      using errcode = '22023';
  end if;
  if version is null or version < 1 then
    raise exception 'converge.emit: version of % must be a whole number from 1', type using errcode = '22023';
  end if;
  if payload is null then
    raise exception 'converge.emit: the payload of % is null; for an event without data pass ''{}''', type using errcode = '22023';
  end if;
  if octet_length(payload) > 900000 then
    raise exception 'converge.emit: the payload of % takes % bytes, at most 900000 are allowed: store large content elsewhere and send a reference',
      type, octet_length(payload) using errcode = '22023';
  end if;
  if not converge.is_json(payload) then
    raise exception 'converge.emit: the payload of % is not JSON: build it with json_build_object(...)::text', type
      using errcode = '22023';
  end if;
  -- `\ud83d` alone is half a character: it is JSON, but no UTF-8, and would first fail in a consumer.
  if payload ~* '\\ud[89a-f]' then
    unpaired := regexp_replace(replace(payload, '\\', ''), '\\u[dD][89abAB]..\\u[dD][c-fC-F]..', '', 'g');
    if unpaired ~* '\\ud[89a-f]' then
      raise exception 'converge.emit: the payload of % has half of a surrogate pair, which UTF-8 cannot carry', type
        using errcode = '22023';
    end if;
  end if;
end $$;

create function converge.is_json(candidate text) returns boolean
  language plpgsql immutable
  as $$
begin
  perform candidate::json;
  return true;
exception when others then
  return false;
end $$;

-- The caller's headers: a JSON object of strings, none of the names that the kit sets.
create function converge.emit_check_headers(headers text) returns void
  language plpgsql
  as $$
declare
  header record;
  names  text[] := '{}';
  bytes  int    := 0;
begin
  if headers is null or not converge.is_json(headers) or json_typeof(headers::json) <> 'object' then
    raise exception 'converge.emit: headers must be a JSON object of strings, for example {"tenant":"a"}' using errcode = '22023';
  end if;
  for header in select e.key as name, e.value as value from json_each(headers::json) e loop
    if header.name !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,128}$' then
      raise exception 'converge.emit: the header name % is not 1 to 128 letters, digits, "-", "_" or "."',
        quote_literal(left(header.name, 80)) using errcode = '22023';
    end if;
    if lower(header.name) ~ '^ce_' or lower(header.name) in ('content-type', 'traceparent', 'tracestate', 'baggage') then
      raise exception 'converge.emit: the header % is set by the kit: choose another name', quote_literal(header.name)
        using errcode = '22023';
    end if;
    if header.name = any (names) then
      raise exception 'converge.emit: the header % is there twice', quote_literal(header.name) using errcode = '22023';
    end if;
    if json_typeof(header.value) <> 'string' then
      raise exception 'converge.emit: the value of header % is a %, not a string', quote_literal(header.name),
        json_typeof(header.value) using errcode = '22023';
    end if;
    if header.value #>> '{}' ~ '[\x01-\x08\x0a-\x1f\x7f]' then
      raise exception 'converge.emit: the value of header % has a line break or another control character',
        quote_literal(header.name) using errcode = '22023';
    end if;
    names := names || header.name;
    bytes := bytes + octet_length(header.name) + octet_length(header.value #>> '{}');
  end loop;
  if cardinality(names) > 64 or bytes > 8192 then
    raise exception 'converge.emit: % headers of % bytes are too many, at most 64 of 8192 bytes are allowed; put data into the payload',
      cardinality(names), bytes using errcode = '22023';
  end if;
end $$;

-- For SQL, triggers and other languages. Returns the event's id. The payload is stored byte for byte as given.
-- Several emits in one transaction lock in the order of the calls, so two transactions may deadlock: the one that gets
-- 40P01 is to be run again.
create function converge.emit(
  topic text, key text, type text, payload text, headers text default '{}', version int default 1
) returns uuid
  language plpgsql
  as $$
declare
  id     uuid := converge.new_uuid_v7();
  stored text;
begin
  perform converge.emit_check(topic, key, type, payload, version);
  perform converge.emit_check_headers(headers);
  stored := json_build_object('ce_dataschema', 'urn:converge:' || type || ':' || version,
                              'content-type', 'application/json', 'ce_correlationid', id)::text;
  if headers::jsonb <> '{}'::jsonb then
    select json_object_agg(e.key, e.value)::text into stored
      from (select * from json_each_text(stored::json) union all select * from json_each_text(headers::json)) e;
  end if;
  perform converge.outbox_append(array[id], array[topic], array[key], array[type], array[stored], array[payload],
    case when current_setting('idle_in_transaction_session_timeout') = '0' then 60000 else 0 end);
  return id;
end $$;
