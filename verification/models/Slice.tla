------------------------------- MODULE Slice -------------------------------
(***************************************************************************)
(* How a consumer applies the records of its partitions: slices of one or  *)
(* several partitions behind a fence, watermarks, parked keys and their    *)
(* drains, a gap, a pause. Two members hold all partitions (one of them    *)
(* may be evicted), two drains hold keys. A transaction is its opening,    *)
(* which locks, and its end. Left out: foreign events, fills, the caps of  *)
(* parking.                                                                *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  Partition,    \* {1} or {1, 2}
  Long,         \* Partition 1 has three records, of two keys.
  Member, Drain,
  MaxSlice,     \* The events of a slice.
  MaxFails, MaxRewinds, MaxTruncates, MaxPauses,
  MaxTerm,      \* Claims of a parked key.
  OnDead,       \* "hold" or "skip"
  \* Guards: "ok" is the design, any other value takes the guard out.
  Fence,        \* "none": a slice compares nothing; "offset": it compares the offset alone
  Dedup,        \* "none": the watermark is not compared
  Mark,         \* "later": the watermark is saved by a later transaction
  Joint,        \* "parked": a joint slice handles parked keys; "partial": it goes on without the fences that it did not get
  Extend,       \* "blind": an event is queued in a line that was released
  Release,      \* "empty": a line is released when its end was seen before the handler
  Take,         \* "blind": a drain handles the event that it has read; "place": it deletes whatever has its place in the line
  Order,        \* "any": a drain takes any event of its line
  PauseAt,      \* "claim": a drain looks for a pause only when it claims a key
  Gap           \* "ignored": a missing predecessor is not noticed

VARIABLES
  part,      \* Partition -> [next, acts, mark, paused, gap, start]: next and start count records, acts those who moved next back.
  lost,      \* Events that a gap on record names.
  line,      \* Key -> [tail, state, term, leased]
  rows,      \* The events in lines: [key, seq, event].
  over,      \* Events that ended outside of a line.
  applied,   \* Events in the order in which they took effect.
  member,    \* Member -> [next, acts, mark, held, tx]: what it remembers, and the partitions and size of its open slice.
  drain,     \* Drain -> [phase, key, term, seq, event, last]: the event that it has read, and whether it was the line's last.
  spent      \* [fails, rewinds, truncates, pauses]

lines == <<line, rows, over>>
vars == <<part, lost, lines, applied, member, drain, spent>>

KeysOf(p) == IF p = 2 THEN <<"c">> ELSE IF Long THEN <<"a", "b", "a">> ELSE <<"a", "a">>
Key == {"a", "b", "c"}
PartitionOf(key) == IF key = "c" THEN 2 ELSE 1
KeyOf(event) == KeysOf(event[1])[event[2]]
Range(s) == {s[i] : i \in 1..Len(s)}
Min(S) == CHOOSE x \in S : \A y \in S : x <= y
Max2(a, b) == IF a >= b THEN a ELSE b

NoLine == [tail |-> 0, state |-> "none", term |-> 0, leased |-> FALSE]
NoTx == [parts |-> {}, size |-> 0]
NoDrain == [phase |-> "idle", key |-> "a", term |-> 0, seq |-> 0, event |-> <<>>, last |-> FALSE]
Parked == {key \in Key : line[key].state # "none"}
Locked == UNION {member[m].tx.parts : m \in Member}

Init ==
  /\ part = [p \in Partition |-> [next |-> 0, acts |-> 0, mark |-> 0, paused |-> "no", gap |-> FALSE, start |-> 0]]
  /\ lost = {}
  /\ line = [key \in Key |-> NoLine]
  /\ rows = {}
  /\ over = {}
  /\ applied = <<>>
  /\ member = [m \in Member |->
       [next |-> [p \in Partition |-> 0], acts |-> [p \in Partition |-> 0], mark |-> [p \in Partition |-> 0],
        held |-> {}, tx |-> NoTx]]
  /\ drain = [d \in Drain |-> NoDrain]
  /\ spent = [fails |-> 0, rewinds |-> 0, truncates |-> 0, pauses |-> 0]

---------------------------------------------------------------------------
\* Slices

\* The events of an open slice: of each of its partitions as many as its size.
EventsIn(m, parts, size) == {<<p, member[m].next[p] + i>> : p \in parts, i \in 1..size}
IsRepeat(m, event) == Dedup = "ok" /\ event[2] <= member[m].mark[event[1]]
IsHeld(m, event) == KeyOf(event) \in member[m].held
IsMissed(m, p) == Gap = "ok" /\ member[m].next[p] > member[m].mark[p]

\* What one slice takes: one partition, or one event of each of several, none of them parked.
MayOpen(m, parts, size) ==
  /\ \A p \in parts : member[m].next[p] >= part[p].start /\ member[m].next[p] + size <= Len(KeysOf(p))
  /\ \A p \in parts : ~IsMissed(m, p)
  /\ Cardinality(parts) > 1 =>
       size = 1 /\ (Joint # "parked" => \A event \in EventsIn(m, parts, size) : ~IsHeld(m, event))

HasFence(m, p) ==
  /\ Fence # "none" => part[p].next = member[m].next[p]
  /\ Fence = "ok" => part[p].acts = member[m].acts[p]
  /\ part[p].paused = "no"
  /\ ~part[p].gap
  /\ p \notin Locked

\* libs/inbox/src/slice/open-slice-sql.ts (openSlice): of one partition, or of several.
Open(m, parts, size) ==
  /\ member[m].tx = NoTx
  /\ MayOpen(m, parts, size)
  /\ IF Joint = "partial" THEN \E p \in parts : HasFence(m, p) ELSE \A p \in parts : HasFence(m, p)
  /\ member' = [member EXCEPT ![m].tx = [parts |-> parts, size |-> size]]
  /\ UNCHANGED <<part, lost, lines, applied, drain, spent>>

RECURSIVE InOrder(_)
InOrder(S) ==
  IF S = {} THEN <<>>
  ELSE LET first == CHOOSE x \in S : \A y \in S : x[1] < y[1] \/ (x[1] = y[1] /\ x[2] <= y[2])
       IN <<first>> \o InOrder(S \ {first})

Fresh(m, tx) == {event \in EventsIn(m, tx.parts, tx.size) : ~IsRepeat(m, event)}
IsJoint(tx) == Cardinality(tx.parts) > 1
Behind(m, tx) == IF IsJoint(tx) THEN {} ELSE {event \in Fresh(m, tx) : IsHeld(m, event)}
Handled(m, tx) == Fresh(m, tx) \ Behind(m, tx)

\* The place of a new event in its line: after those of the same slice before it.
SeqOf(event, new) ==
  line[KeyOf(event)].tail + Cardinality({other \in new : KeyOf(other) = KeyOf(event) /\ other[2] <= event[2]})
Queued(new) == rows \cup {[key |-> KeyOf(event), seq |-> SeqOf(event, new), event |-> event] : event \in new}
CountOf(key, new) == Cardinality({event \in new : KeyOf(event) = key})

\* Partitions and memory behind a slice.
Moved(m, tx) ==
  [p \in Partition |-> IF p \notin tx.parts THEN part[p]
     ELSE [part[p] EXCEPT !.next = member[m].next[p] + tx.size,
                          !.mark = IF Mark = "later" THEN @ ELSE Max2(@, member[m].next[p] + tx.size)]]
Remembered(m, tx, held) ==
  [next |-> [p \in Partition |-> IF p \in tx.parts THEN member[m].next[p] + tx.size ELSE member[m].next[p]],
   mark |-> [p \in Partition |-> IF p \in tx.parts THEN Max2(member[m].mark[p], member[m].next[p] + tx.size)
                                 ELSE member[m].mark[p]],
   acts |-> member[m].acts, held |-> held, tx |-> NoTx]

\* Handlers, parked events, position: one transaction: libs/inbox/src/slice/apply-slice.ts (applySlices).
\* Events of parked keys: libs/inbox/src/park/park-events.ts (parkEvents).
CommitSlice(m) ==
  LET tx == member[m].tx
      behind == Behind(m, tx)
  IN
  /\ tx # NoTx
  /\ Extend = "ok" => \A event \in behind : KeyOf(event) \in Parked
  /\ applied' = applied \o InOrder(Handled(m, tx))
  /\ rows' = Queued(behind)
  /\ line' = [key \in Key |-> IF line[key].state = "none" THEN line[key]
                              ELSE [line[key] EXCEPT !.tail = @ + CountOf(key, behind)]]
  /\ part' = Moved(m, tx)
  /\ member' = [member EXCEPT ![m] = Remembered(m, tx, member[m].held)]
  /\ UNCHANGED <<lost, over, drain, spent>>

\* A line was released since it was read: libs/inbox/src/slice/commit-slice.ts (attemptSlice).
HeldChanged(m) ==
  LET released == {KeyOf(event) : event \in Behind(m, member[m].tx)} \ Parked IN
  /\ Extend = "ok"
  /\ member[m].tx # NoTx
  /\ released # {}
  /\ member' = [member EXCEPT ![m].held = @ \ released, ![m].tx = NoTx]
  /\ UNCHANGED <<part, lost, lines, applied, drain, spent>>

\* A handler throws, or the process dies: libs/inbox/src/slice/commit-slice.ts (commitSlice).
RollBack(m) ==
  /\ member[m].tx # NoTx
  /\ spent.fails < MaxFails
  /\ spent' = [spent EXCEPT !.fails = @ + 1]
  /\ member' = [member EXCEPT ![m].tx = NoTx]
  /\ UNCHANGED <<part, lost, lines, applied, drain>>

\* The one event of a slice is parked as the first of its key: libs/inbox/src/park/parked-sql.ts (openLines).
ParkFirst(m) ==
  LET tx == member[m].tx
      new == Handled(m, tx)
      keys == {KeyOf(event) : event \in new}
  IN
  /\ tx # NoTx
  /\ tx.size = 1
  /\ ~IsJoint(tx)
  /\ spent.fails < MaxFails
  /\ new # {}
  /\ keys \cap Parked = {}
  /\ spent' = [spent EXCEPT !.fails = @ + 1]
  /\ rows' = Queued(new)
  /\ line' = [key \in Key |-> IF key \in keys THEN [NoLine EXCEPT !.tail = 1, !.state = "waiting"] ELSE line[key]]
  /\ part' = Moved(m, tx)
  /\ member' = [member EXCEPT ![m] = Remembered(m, tx, member[m].held \cup keys)]
  /\ UNCHANGED <<lost, over, applied, drain>>

\* After a lost fence, an outage or an assignment: libs/inbox/src/member/assign.ts (reload).
Reload(m) ==
  /\ member[m].tx = NoTx
  /\ member' = [member EXCEPT ![m] =
       [next |-> [p \in Partition |-> part[p].next], acts |-> [p \in Partition |-> part[p].acts], mark |-> [p \in Partition |-> part[p].mark],
        held |-> Parked, tx |-> NoTx]]
  /\ member' # member
  /\ UNCHANGED <<part, lost, lines, applied, drain, spent>>

---------------------------------------------------------------------------
\* The log and operators

\* A position that is moved back, with the watermark as it was: libs/inbox/src/operate/resume.ts (resumePartition).
Rewind(p) ==
  /\ spent.rewinds < MaxRewinds
  /\ part[p].next > part[p].start
  /\ p \notin Locked
  /\ spent' = [spent EXCEPT !.rewinds = @ + 1]
  /\ part' = [part EXCEPT ![p].next = @ - 1, ![p].acts = @ + 1]
  /\ UNCHANGED <<lost, lines, applied, member, drain>>

\* The log loses a record that was not read: libs/inbox/src/member/assign.ts (checkRow).
Truncate(p) ==
  /\ spent.truncates < MaxTruncates
  /\ part[p].start < Len(KeysOf(p))
  /\ p \notin Locked
  /\ spent' = [spent EXCEPT !.truncates = @ + 1]
  /\ part' = [part EXCEPT ![p].start = @ + 1]
  /\ UNCHANGED <<lost, lines, applied, member, drain>>

\* `--from earliest`: libs/inbox/src/operate/resume.ts (resumePartition).
FromEarliest(p) ==
  /\ part[p].next < part[p].start
  /\ p \notin Locked
  /\ part' = [part EXCEPT ![p].next = part[p].start, ![p].acts = @ + 1]
  /\ UNCHANGED <<lost, lines, applied, member, drain, spent>>

\* The predecessor of the next record is missing: libs/inbox/src/member/halt-at.ts (haltAt).
HaltAtGap(m, p) ==
  /\ member[m].tx = NoTx
  /\ IsMissed(m, p)
  /\ member[m].next[p] >= part[p].start
  /\ member[m].next[p] < Len(KeysOf(p))
  /\ HasFence(m, p)
  /\ part' = [part EXCEPT ![p].gap = TRUE]
  /\ UNCHANGED <<lost, lines, applied, member, drain, spent>>

\* `--continue`: the missing events are on record: libs/inbox/src/gap/fill-sql.ts (recordPassed).
PassGap(p) ==
  /\ part[p].gap
  /\ part' = [part EXCEPT ![p].gap = FALSE, ![p].mark = Max2(@, part[p].next)]
  /\ lost' = lost \cup {<<p, i>> : i \in part[p].mark + 1..part[p].next}
  /\ UNCHANGED <<lines, applied, member, drain, spent>>

\* Waits for slices, then for drains; only then is it known to the operator: libs/inbox/src/operate/pause.ts (pauseConsumer).
Pause(p) ==
  /\ spent.pauses < MaxPauses
  /\ part[p].paused = "no"
  /\ p \notin Locked
  /\ spent' = [spent EXCEPT !.pauses = @ + 1]
  /\ part' = [part EXCEPT ![p].paused = "asked"]
  /\ UNCHANGED <<lost, lines, applied, member, drain>>

IsHandling(p) == \E d \in Drain : drain[d].phase = "handling" /\ PartitionOf(drain[d].key) = p

\* libs/inbox/src/slice/fence-sql.ts (drainsEnded).
EndPause(p) ==
  /\ part[p].paused = "asked"
  /\ ~IsHandling(p)
  /\ part' = [part EXCEPT ![p].paused = "done"]
  /\ UNCHANGED <<lost, lines, applied, member, drain, spent>>

\* libs/inbox/src/operate/resume.ts (resumePartition).
Resume(p) ==
  /\ part[p].paused = "done"
  /\ part' = [part EXCEPT ![p].paused = "no"]
  /\ UNCHANGED <<lost, lines, applied, member, drain, spent>>

---------------------------------------------------------------------------
\* Drains of parked keys

IsOurs(d) == line[drain[d].key].state # "none" /\ line[drain[d].key].term = drain[d].term
RowsOf(key) == {row \in rows : row.key = key}
RowOf(d) == {row \in RowsOf(drain[d].key) : row.seq = drain[d].seq /\ (Take = "ok" => row.event = drain[d].event)}
IsTaken(d) == \E other \in Drain \ {d} :
  /\ drain[other].phase = "handling"
  /\ drain[other].key = drain[d].key
  /\ drain[other].seq = drain[d].seq
\* The line of a drain that leaves it: its lease is given back under its term.
Left(d) == IF IsOurs(d) THEN [line EXCEPT ![drain[d].key].leased = FALSE] ELSE line

\* The lease is committed before the handler runs: libs/inbox/src/park/claim-sql.ts (claimKeys).
Claim(d, key) ==
  /\ drain[d].phase = "idle"
  /\ line[key].state = "waiting"
  /\ ~line[key].leased
  /\ line[key].term < MaxTerm
  /\ part[PartitionOf(key)].paused = "no"
  /\ line' = [line EXCEPT ![key].leased = TRUE, ![key].term = @ + 1]
  /\ drain' = [drain EXCEPT ![d] = [NoDrain EXCEPT !.phase = "claimed", !.key = key, !.term = line[key].term + 1]]
  /\ UNCHANGED <<part, lost, rows, over, applied, member, spent>>

\* The drain goes on when its lease has ended: libs/inbox/src/park/claim-sql.ts (renewLease).
Expire(key) ==
  /\ line[key].leased
  /\ line[key].term < MaxTerm
  /\ line' = [line EXCEPT ![key].leased = FALSE]
  /\ UNCHANGED <<part, lost, rows, over, applied, member, drain, spent>>

\* libs/inbox/src/park/head-sql.ts (readHead).
ReadHead(d) ==
  LET here == RowsOf(drain[d].key) IN
  /\ drain[d].phase = "claimed"
  /\ \E row \in here :
       /\ Order # "any" => \A other \in here : row.seq <= other.seq
       /\ drain' = [drain EXCEPT ![d].phase = "read", ![d].seq = row.seq, ![d].event = row.event,
                                 ![d].last = (here = {row})]
  /\ UNCHANGED <<part, lost, lines, applied, member, spent>>

\* An operator took the last event out: libs/inbox/src/park/claim-sql.ts (dropEmptyLine).
DropEmptyLine(d) ==
  /\ drain[d].phase = "claimed"
  /\ RowsOf(drain[d].key) = {}
  /\ line' = IF IsOurs(d) THEN [line EXCEPT ![drain[d].key] = NoLine] ELSE line
  /\ drain' = [drain EXCEPT ![d] = NoDrain]
  /\ UNCHANGED <<part, lost, rows, over, applied, member, spent>>

IsPausedFor(d) == PauseAt = "ok" /\ part[PartitionOf(drain[d].key)].paused # "no"

\* Deletes the row, and so locks it, before the handler; not under a pause: libs/inbox/src/park/head-sql.ts (takeHead).
TakeHead(d) ==
  /\ drain[d].phase = "read"
  /\ Take # "blind" => RowOf(d) # {} /\ ~IsTaken(d) /\ line[drain[d].key].state = "waiting"
  /\ ~IsPausedFor(d)
  /\ drain' = [drain EXCEPT ![d].phase = "handling"]
  /\ UNCHANGED <<part, lost, lines, applied, member, spent>>

\* The event or the lease is another's, or the partition is paused: libs/inbox/src/park/claim-sql.ts (leaveKey).
LeaveKey(d) ==
  /\ drain[d].phase = "read"
  /\ (RowOf(d) = {} /\ ~IsTaken(d)) \/ line[drain[d].key].state # "waiting" \/ IsPausedFor(d)
  /\ line' = Left(d)
  /\ drain' = [drain EXCEPT ![d] = NoDrain]
  /\ UNCHANGED <<part, lost, rows, over, applied, member, spent>>

IsReleased(d) == IF Release = "empty" THEN drain[d].last ELSE line[drain[d].key].tail = drain[d].seq
Emptied(d) == [line EXCEPT ![drain[d].key] = IF IsReleased(d) THEN NoLine ELSE @]
Continued(d) == [drain EXCEPT ![d] = IF IsReleased(d) THEN NoDrain ELSE [@ EXCEPT !.phase = "claimed"]]

\* The release is the last statement, and compares the tail: libs/inbox/src/park/apply-head.ts (applyHead) and
\* libs/inbox/src/park/head-sql.ts (releaseLine).
ApplyHead(d) ==
  /\ drain[d].phase = "handling"
  /\ applied' = Append(applied, drain[d].event)
  /\ rows' = rows \ RowOf(d)
  /\ line' = Emptied(d)
  /\ drain' = Continued(d)
  /\ UNCHANGED <<part, lost, over, member, spent>>

\* The event waits again: libs/inbox/src/park/drain-key.ts (drainKey).
FailHead(d) ==
  /\ drain[d].phase = "handling"
  /\ spent.fails < MaxFails
  /\ spent' = [spent EXCEPT !.fails = @ + 1]
  /\ line' = Left(d)
  /\ drain' = [drain EXCEPT ![d] = NoDrain]
  /\ UNCHANGED <<part, lost, rows, over, applied, member>>

\* A dead letter holds its line, or leaves it: libs/inbox/src/park/end-head.ts (endHead).
EndHead(d) ==
  /\ drain[d].phase = "handling"
  /\ spent.fails < MaxFails
  /\ spent' = [spent EXCEPT !.fails = @ + 1]
  /\ IF OnDead = "hold"
     THEN /\ line' = [line EXCEPT ![drain[d].key].state = "dead", ![drain[d].key].leased = FALSE]
          /\ drain' = [drain EXCEPT ![d] = NoDrain]
          /\ UNCHANGED <<rows, over>>
     ELSE /\ line' = Emptied(d)
          /\ drain' = Continued(d)
          /\ rows' = rows \ RowOf(d)
          /\ over' = over \cup {row.event : row \in RowOf(d)}
  /\ UNCHANGED <<part, lost, applied, member>>

\* An operator takes the dead letter out of its line: libs/inbox/src/operate/parked.ts (skipParked).
SkipDead(key) ==
  /\ line[key].state = "dead"
  /\ LET seqs == {row.seq : row \in RowsOf(key)}
         dead == {row \in RowsOf(key) : row.seq = Min(seqs)}
     IN /\ rows' = rows \ dead
        /\ over' = over \cup {row.event : row \in dead}
  /\ line' = [line EXCEPT ![key].state = "waiting"]
  /\ UNCHANGED <<part, lost, applied, member, drain, spent>>

Slices == {<<{p}, size>> : p \in Partition, size \in 1..MaxSlice} \cup
          (IF Cardinality(Partition) > 1 THEN {<<Partition, 1>>} ELSE {})

Next ==
  \/ \E m \in Member :
       \/ \E slice \in Slices : Open(m, slice[1], slice[2])
       \/ CommitSlice(m) \/ HeldChanged(m) \/ RollBack(m) \/ ParkFirst(m) \/ Reload(m)
       \/ \E p \in Partition : HaltAtGap(m, p)
  \/ \E p \in Partition :
       Rewind(p) \/ Truncate(p) \/ FromEarliest(p) \/ PassGap(p) \/ Pause(p) \/ EndPause(p) \/ Resume(p)
  \/ \E d \in Drain :
       \/ \E key \in Key : Claim(d, key)
       \/ ReadHead(d) \/ DropEmptyLine(d) \/ TakeHead(d) \/ LeaveKey(d) \/ ApplyHead(d) \/ FailHead(d) \/ EndHead(d)
  \/ \E key \in Key : Expire(key) \/ SkipDead(key)

Spec == Init /\ [][Next]_vars

---------------------------------------------------------------------------
\* Invariants

\* An event takes effect once.
Once == \A i, j \in 1..Len(applied) : i # j => applied[i] # applied[j]

\* Events of one key take effect in the order of the log.
KeyOrder ==
  \A i, j \in 1..Len(applied) :
    (i < j /\ KeyOf(applied[i]) = KeyOf(applied[j])) => applied[i][2] <= applied[j][2]

\* An event at or below the watermark took effect, is parked, ended, or is on record as missing.
NoLoss ==
  \A p \in Partition : \A i \in 1..part[p].mark :
    <<p, i>> \in Range(applied) \cup {row.event : row \in rows} \cup over \cup lost

\* A queued event has its line, which ends at it or behind it.
NoOrphan == \A row \in rows : line[row.key].state # "none" /\ row.seq <= line[row.key].tail

\* No position is ahead of its watermark, while the log is whole.
OffsetNotAhead == \A p \in Partition : part[p].start = 0 => part[p].next <= part[p].mark

\* Once a pause is known to the operator, no handler runs.
NoHandlerUnderPause == \A p \in Partition : part[p].paused = "done" => p \notin Locked /\ ~IsHandling(p)

Symmetry == Permutations(Member) \cup Permutations(Drain)
=============================================================================
