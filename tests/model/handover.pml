/* Model of the hand-over between one replay reader and two workers: batches, rings, the reader's
 * watermark, applied marks, reads of the other shard as of a key, and events that concern both shards.
 * It follows src/shard/{router,worker,run,gate}.c statement by statement where order matters.
 *
 * Every combination of owner and kind of EVENTS events is explored. Checked:
 *   - no deadlock (no invalid end state), with a reader blocked on a full ring as well;
 *   - no event is overtaken: a worker runs its events in order of key;
 *   - no early read: when a worker reads the other shard as of k, everything of it up to k is applied;
 *   - all is run in the end.
 * -DBUG=n breaks one step; test_model.sh demands that each is found:
 *   1 the reader publishes the mark before the batches   2 a worker looks at the ring before the mark
 *   3 a blocked reader does not hand over and publish     4 applied is published before applying
 *   5 a worker waits for the other half of a two-shard event without publishing what is below it
 *   6 the parent's half of a two-shard event waits for marks up to the event, not below it only */
#ifndef EVENTS
#define EVENTS 3
#endif
#ifndef BUG
#define BUG 0
#endif
#define END 255
#define LIMIT 1 /* batches in a ring before the reader waits; the ring itself holds more */

byte owner[EVENTS + 1], kind[EVENTS + 1]; /* kind 0: alone, 1: reads the other shard, 2: concerns both */
chan ring0 = [EVENTS + 1] of { byte };	  /* a batch is one key: that fills rings soonest */
chan ring1 = [EVENTS + 1] of { byte };
byte read_mark;
byte applied[2];
bool done0[EVENTS + 1], done1[EVENTS + 1]; /* applied in that shard */
byte last[2];

#define MINE(w, k) (owner[k] == w || kind[k] == 2)

/* ---- reader ---- */
byte open_a[2]; /* partial batch, 0 none */

inline send(w) {
	if
	:: open_a[w] == 0
	:: else ->
		if
		:: w == 0 -> ring0!open_a[0]
		:: else -> ring1!open_a[1]
		fi;
		open_a[w] = 0
	fi
}

#define LEN(w) (w == 0 -> len(ring0) : len(ring1))
#define ROOM(w) (open_a[w] == 0 || LEN(w) < LIMIT)

inline wait_room(w, k) {
#if BUG != 3
	send(0);
	send(1);
	if :: k - 1 > read_mark -> read_mark = k - 1 :: else fi;
#endif
	(LEN(w) < LIMIT)
}

inline put(w, k) {
	send(w);
	open_a[w] = k
}

proctype reader() {
	byte k = 1;
	do
	:: k > EVENTS -> break
	:: else ->
		if :: MINE(0, k) && !ROOM(0) -> wait_room(0, k) :: else fi;
		if :: MINE(1, k) && !ROOM(1) -> wait_room(1, k) :: else fi;
		if :: MINE(0, k) -> put(0, k) :: else fi;
		if :: MINE(1, k) -> put(1, k) :: else fi;
		/* a pass may end after any event */
		if
		:: true -> skip
		:: true ->
#if BUG == 1
			read_mark = k; send(0); send(1)
#else
			send(0); send(1); read_mark = k
#endif
		fi;
		k++
	od;
#if BUG == 1
	read_mark = END; send(0); send(1)
#else
	send(0); send(1); read_mark = END
#endif
}

/* ---- worker ---- */
inline check_other(w, k) {
	d_step { /* only for the assertion */
	j = 1;
	do
	:: j > k -> break
	:: else ->
		assert(!(owner[j] == 1 - w || (kind[j] == 2)) || (w == 0 -> done1[j] : done0[j]));
		j++
	od;
	j = 0
	}
}

inline apply(w, k) {
	if :: w == 0 -> done0[k] = true :: else -> done1[k] = true fi
}

inline apply_and_publish(w, k) {
#if BUG == 4
	applied[w] = k; apply(w, k)
#else
	apply(w, k); applied[w] = k
#endif
}

inline run_event(w, k) {
	assert(k > last[w]);
	last[w] = k;
	if
	:: kind[k] == 2 && owner[k] == w -> /* the child's half waits for the parent's */
#if BUG != 5
		if :: k - 1 > applied[w] -> applied[w] = k - 1 :: else fi;
#endif
		(applied[1 - w] >= k);
		assert(w == 0 -> done1[k] : done0[k]);
		apply_and_publish(w, k)
	:: kind[k] == 2 && owner[k] != w -> /* the parent's half may look up a thread as of before k */
		if :: k - 1 > applied[w] -> applied[w] = k - 1 :: else fi;
#if BUG == 6
		(applied[1 - w] >= k);
#else
		if :: (applied[1 - w] >= k - 1) :: true fi;
#endif
		apply_and_publish(w, k)
	:: else -> apply_and_publish(w, k)
	fi;
	if
	:: kind[k] == 1 && owner[k] == w -> (applied[1 - w] >= k); check_other(w, k)
	:: else
	fi
}

proctype worker(byte w) {
	byte mark, a, j;
	bool got;
	do
	:: true ->
#if BUG == 2
		got = LEN(w) > 0;
		mark = read_mark;
#else
		mark = read_mark;
		got = LEN(w) > 0;
#endif
		if
		:: got ->
			if :: w == 0 -> ring0?a :: else -> ring1?a fi;
			mark = 0; /* dead values would only make states look different */
			got = false;
			run_event(w, a);
			a = 0
		:: else ->
			if :: mark > applied[w] -> applied[w] = mark :: else fi;
			if :: mark == END -> break :: else fi;
			(read_mark > mark || LEN(w) > 0)
		fi
	od
}

init {
	byte k = 1;
	atomic {
		do
		:: k > EVENTS -> break
		:: else ->
#ifdef ONE_OWNER /* shard 0 has all, and reads shard 1: fills its ring soonest */
			kind[k] = 1;
#else
			if :: owner[k] = 0 :: k > 1 -> owner[k] = 1 fi; /* the workers are alike */
			if :: kind[k] = 0 :: kind[k] = 1 :: kind[k] = 2 fi;
#endif
			k++
		od;
		k = 0;
		run reader();
		run worker(0);
		run worker(1)
	};
	(_nr_pr == 1);
	k = 1;
	do
	:: k > EVENTS -> break
	:: else ->
		assert(owner[k] != 0 && kind[k] != 2 || done0[k]);
		assert(owner[k] != 1 && kind[k] != 2 || done1[k]);
		k++
	od
}
