------------------------------- MODULE Ticks -------------------------------
(***************************************************************************)
(* One partition, from writers to a consumer: transactions draw xid and    *)
(* id, ticks order what is committed, relays publish by tick number, a     *)
(* consumer applies what is above its watermark. Relays and consumers of   *)
(* the past go on acting. Left out: aborts at the broker, epochs           *)
(* (Lease.tla), the read-ahead, parked keys (Slice.tla).                   *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  NoKey,
  Tx, Key, Relay, Consumer,
  MaxTerm,     \* Takeovers, plus one.
  MaxRewind,   \* Times that a consumer reads records again.
  MaxCrash,    \* Crashes of a database whose writers do not wait for the disk.
  \* Guards: "ok" is the design, any other value takes the guard out.
  EmitLock,    \* "none": the id is drawn without the lock of the key
  Read,        \* "xid": a window is ordered by xid; "idcursor": rows above the last id, without ticks
  Tick,        \* "volatile": a new leader cuts its own windows after the cursor; "unsynced": a tick does not wait for the disk
  Save,        \* "before": the cursor is saved before the send
  Dedup        \* "stale": the watermark is compared before the transaction, and not again in it

VARIABLES
  tx,          \* Tx -> [state, key, xid, id]
  drawn,       \* The last xid and the last id that were drawn.
  commits,     \* Transactions in the order of their commits: ghost.
  durable,     \* Transactions that a crash does not undo, as far as crashes count.
  crashes,
  order,       \* The events in the order of their ticks.
  term,        \* The term of the lease.
  relay,       \* Relay -> [term, pos]: its own term, and the last position that it has sent.
  cursor,      \* [term, pos]
  log,         \* Records [tx, pos, prev].
  watermark,
  applied,     \* Transactions in the order in which the consumer applied them.
  member,      \* Consumer -> [offset, seen]: the watermark that it read for the record in work.
  rewinds,
  gap          \* The consumer has found a record whose predecessor it lacks.

writers == <<tx, drawn, commits, durable, crashes>>
relays == <<order, term, relay, cursor, log>>
consumers == <<watermark, applied, member, rewinds, gap>>
vars == <<writers, relays, consumers>>

NotReading == 99
Range(s) == {s[i] : i \in 1..Len(s)}
IndexOf(s, x) == CHOOSE i \in 1..Len(s) : s[i] = x
Done == {t \in Tx : tx[t].state = "done"}

RECURSIVE SortBy(_, _)
SortBy(S, field) ==
  IF S = {} THEN <<>>
  ELSE LET least == CHOOSE x \in S : \A y \in S : tx[x][field] <= tx[y][field]
       IN <<least>> \o SortBy(S \ {least}, field)

Init ==
  /\ tx = [t \in Tx |-> [state |-> "new", key |-> NoKey, xid |-> 0, id |-> 0]]
  /\ drawn = [xid |-> 0, id |-> 0]
  /\ commits = <<>>
  /\ durable = {}
  /\ crashes = 0
  /\ order = <<>>
  /\ term = 1
  /\ relay = [r \in Relay |-> [term |-> IF r = CHOOSE first \in Relay : TRUE THEN 1 ELSE 0, pos |-> 0]]
  /\ cursor = [term |-> 1, pos |-> 0]
  /\ log = <<>>
  /\ watermark = 0
  /\ applied = <<>>
  /\ member = [c \in Consumer |-> [offset |-> 0, seen |-> NotReading]]
  /\ rewinds = 0
  /\ gap = FALSE

---------------------------------------------------------------------------
\* Writers

\* The first statement that writes draws the xid: libs/postgres/src/transaction.ts (withTransaction).
Begin(t) ==
  /\ tx[t].state = "new"
  /\ drawn' = [drawn EXCEPT !.xid = @ + 1]
  /\ tx' = [tx EXCEPT ![t].state = "open", ![t].xid = drawn'.xid]
  /\ UNCHANGED <<commits, durable, crashes, relays, consumers>>

\* The append locks the key until the commit, then draws the id: libs/outbox/sql/001-schema.sql (converge.outbox_append).
Emit(t, k) ==
  /\ tx[t].state = "open"
  /\ EmitLock = "ok" => \A u \in Tx : ~(tx[u].state = "held" /\ tx[u].key = k)
  /\ drawn' = [drawn EXCEPT !.id = @ + 1]
  /\ tx' = [tx EXCEPT ![t].state = "held", ![t].key = k, ![t].id = drawn'.id]
  /\ UNCHANGED <<commits, durable, crashes, relays, consumers>>

\* libs/postgres/src/transaction.ts (withTransaction).
Commit(t) ==
  /\ tx[t].state = "held"
  /\ tx' = [tx EXCEPT ![t].state = "done"]
  /\ commits' = Append(commits, t)
  /\ UNCHANGED <<drawn, durable, crashes, relays, consumers>>

\* libs/postgres/src/transaction.ts (withTransaction).
Abort(t) ==
  /\ tx[t].state = "held"
  /\ tx' = [tx EXCEPT ![t].state = "gone"]
  /\ UNCHANGED <<drawn, commits, durable, crashes, relays, consumers>>

\* A tick waits for the disk, and with it every earlier commit: libs/relay/src/window/window-sql.ts (synchronous_commit).
Crash ==
  /\ crashes < MaxCrash
  /\ crashes' = crashes + 1
  /\ tx' = [t \in Tx |-> IF t \in durable \/ tx[t].state = "new" THEN tx[t] ELSE [tx[t] EXCEPT !.state = "gone"]]
  /\ commits' = SelectSeq(commits, LAMBDA t : t \in durable)
  /\ order' = SelectSeq(order, LAMBDA t : t \in durable)
  /\ UNCHANGED <<drawn, durable, term, relay, cursor, log, consumers>>

---------------------------------------------------------------------------
\* Relays: one that was deposed goes on.

\* The snapshot of the poll is the tick; a deposed relay may make one: libs/relay/src/window/window-sql.ts (pollOutbox).
MakeTick(r) ==
  /\ Read # "idcursor"
  /\ relay[r].term > 0
  /\ Done \ Range(order) # {}
  /\ order' = order \o SortBy(Done \ Range(order), IF Read = "xid" THEN "xid" ELSE "id")
  /\ durable' = IF MaxCrash = 0 \/ Tick = "unsynced" THEN durable ELSE Done
  /\ UNCHANGED <<tx, drawn, commits, crashes, term, relay, cursor, log, consumers>>

\* The next event of a relay as [tx, pos]; empty without one.
NextOf(r) ==
  LET pos == relay[r].pos IN
  IF Read = "idcursor" THEN
    LET above == {t \in Done : tx[t].id > pos} IN
    IF above = {} THEN {} ELSE LET t == SortBy(above, "id")[1] IN {[tx |-> t, pos |-> tx[t].id]}
  ELSE IF pos < Len(order) THEN {[tx |-> order[pos + 1], pos |-> pos + 1]} ELSE {}

\* The record names its position and the one before it: libs/relay/src/send/send-loop.ts (SendLoop).
Send(r) ==
  /\ relay[r].term > 0
  /\ Len(log) <= 2 * Cardinality(Tx)
  /\ \E next \in NextOf(r) :
       /\ Save = "before" => cursor.pos >= next.pos /\ cursor.term = relay[r].term
       /\ log' = Append(log, [tx |-> next.tx, pos |-> next.pos, prev |-> relay[r].pos])
       /\ relay' = [relay EXCEPT ![r].pos = next.pos]
  /\ UNCHANGED <<writers, order, term, cursor, consumers>>

\* The cursor's row has to carry the relay's own term: libs/relay/src/cursor/save-sql.ts (saveCursors).
SaveCursor(r) ==
  /\ relay[r].term > 0
  /\ cursor.term = relay[r].term
  /\ LET early == {next.pos : next \in NextOf(r)}
         pos == IF Save = "before" /\ early # {} THEN CHOOSE p \in early : TRUE ELSE relay[r].pos
     IN /\ cursor.pos # pos
        /\ cursor' = [cursor EXCEPT !.pos = pos]
  /\ UNCHANGED <<writers, order, term, relay, log, consumers>>

\* A relay begins from what its update of the cursors returns: libs/relay/src/leader/takeover-sql.ts (takeOver).
TakeOver(r) ==
  /\ term < MaxTerm
  /\ term' = term + 1
  /\ cursor' = [cursor EXCEPT !.term = term']
  /\ relay' = [relay EXCEPT ![r] = [term |-> term', pos |-> cursor.pos]]
  /\ order' = IF Tick = "volatile" THEN SubSeq(order, 1, cursor.pos) ELSE order
  /\ UNCHANGED <<writers, log, consumers>>

---------------------------------------------------------------------------
\* Members of a consumer: two may hold the partition.

\* libs/inbox/src/member/work-batch.ts (workBatch).
Fetch(c) ==
  /\ member[c].seen = NotReading
  /\ member[c].offset < Len(log)
  /\ ~gap
  /\ member' = [member EXCEPT ![c].seen = watermark]
  /\ UNCHANGED <<writers, relays, watermark, applied, rewinds, gap>>

\* A watermark that moved is a lost fence: rolled back, and read again: libs/inbox/src/slice/open-slice-sql.ts (openSlice).
LoseFence(c) ==
  /\ Dedup = "ok"
  /\ member[c].seen \notin {NotReading, watermark}
  /\ member' = [member EXCEPT ![c].seen = NotReading]
  /\ UNCHANGED <<writers, relays, watermark, applied, rewinds, gap>>

\* The effect and the watermark are one transaction: libs/inbox/src/slice/apply-slice.ts (applySlices).
Apply(c) ==
  /\ member[c].seen # NotReading
  /\ Dedup = "ok" => member[c].seen = watermark
  /\ member' = [member EXCEPT ![c] = [offset |-> @.offset + 1, seen |-> NotReading]]
  /\ LET record == log[member[c].offset + 1]
         seen == member[c].seen
     IN IF record.pos <= seen THEN UNCHANGED <<watermark, applied, gap>>
        ELSE IF record.prev <= seen
        THEN /\ watermark' = record.pos
             /\ applied' = Append(applied, record.tx)
             /\ UNCHANGED gap
        ELSE /\ gap' = TRUE
             /\ UNCHANGED <<watermark, applied>>
  /\ UNCHANGED <<writers, relays, rewinds>>

\* The broker delivers records again: libs/inbox/src/member/assign.ts (startAt).
Rewind(c) ==
  /\ rewinds < MaxRewind
  /\ member[c].seen = NotReading
  /\ member[c].offset > 0
  /\ rewinds' = rewinds + 1
  /\ member' = [member EXCEPT ![c].offset = @ - 1]
  /\ UNCHANGED <<writers, relays, watermark, applied, gap>>

Next ==
  \/ Crash
  \/ \E t \in Tx : Begin(t) \/ Commit(t) \/ Abort(t) \/ \E k \in Key : Emit(t, k)
  \/ \E r \in Relay : MakeTick(r) \/ Send(r) \/ SaveCursor(r) \/ TakeOver(r)
  \/ \E c \in Consumer : Fetch(c) \/ LoseFence(c) \/ Apply(c) \/ Rewind(c)

Spec == Init /\ [][Next]_vars

---------------------------------------------------------------------------
\* Invariants

\* What is published was committed.
NoPhantom == \A i \in 1..Len(log) : tx[log[i].tx].state = "done"

\* An event takes effect once.
Once == \A i, j \in 1..Len(applied) : i # j => applied[i] # applied[j]

\* Events of one key take effect in the order of their commits.
KeyOrder ==
  \A i, j \in 1..Len(applied) :
    (i < j /\ tx[applied[i]].key = tx[applied[j]].key) =>
      IndexOf(commits, applied[i]) <= IndexOf(commits, applied[j])

\* Every event at or below the watermark took effect.
NoLoss ==
  IF Read = "idcursor" THEN \A t \in Done : tx[t].id <= watermark => t \in Range(applied)
  ELSE \A i \in 1..Len(order) : i <= watermark => order[i] \in Range(applied)

\* A consumer finds no gap where nothing was lost.
NoGap == ~gap

Symmetry == Permutations(Tx) \cup Permutations(Key) \cup Permutations(Consumer)
=============================================================================
