/* Model of sleeping for marks and of being woken: the `wanted` word and the kick of src/shard/gate.c, the parking
 * of src/shard/worker.c, and the reader that wakes an idle worker only when it is wanted (router.c). One idle target,
 * two waiters that need different marks of it, and a reader that publishes those marks and then can go on only
 * when both waiters have (a replay reader before a full ring). Checked: nobody sleeps for ever.
 *
 * -DBUG=n breaks one step; test_model.sh demands that each is found:
 *   1 a waiter wakes the target only the first time   2 a waiter looks at the mark before it says what it wants
 *   3 the target looks at what is wanted before it stores the mark
 *   4 the target parks without another look at its inputs
 *   5 a waiter trusts that one with a lower mark has woken the target: that one may have gone, served */
#ifndef BUG
#define BUG 0
#endif
#define NONE 9
#define END 8

byte read_mark, mark, wanted = NONE;
bool parked, signalled;	    /* the target's parking place */
bool asleep[2], served[2];  /* waiters on the condition */
byte slot_lock, park_lock;

inline lock(l) { atomic { l == 0 -> l = 1 } }
inline unlock(l) { l = 0 }

/* router_wake: the read-modify-write on parked, then the signal under the lock */
inline wake_target() {
	if
	:: !parked
	:: parked -> lock(park_lock); signalled = true; unlock(park_lock)
	fi
}

proctype reader() {
	byte k;
	for (k : 1 .. 2) {
		read_mark = k;
		if :: wanted != NONE -> wake_target() :: else fi
	}
	(served[0] && served[1]);
	read_mark = END;
	wake_target()
}

inline serve() {
	if
	:: mark < seen
	:: else ->
		lock(slot_lock);
		wanted = NONE;
		asleep[0] = false;
		asleep[1] = false;
		unlock(slot_lock)
	fi
}

proctype target() {
	byte m, seen;
	do
	:: true ->
		m = read_mark;
		if
		:: m > mark ->
#if BUG == 3
			seen = wanted; mark = m
#else
			mark = m; seen = wanted
#endif
		:: else -> seen = wanted
		fi;
		serve();
		if :: m == END -> break :: else fi;
		lock(park_lock);
		parked = true;
		signalled = false;
#if BUG == 4
		unlock(park_lock);
		(signalled);
		lock(park_lock);
#else
		do
		:: read_mark > m -> break
		:: else -> unlock(park_lock); (signalled); lock(park_lock); signalled = false
		od;
#endif
		parked = false;
		unlock(park_lock)
	od
}

proctype waiter(byte i; byte need) {
	bool kicked;
	lock(slot_lock);
	do
	:: true ->
#if BUG == 2
		if :: mark >= need -> break :: else fi;
#endif
		if :: need < wanted -> wanted = need :: else fi;
#if BUG != 2
		if :: mark >= need -> break :: else fi;
#endif
#if BUG == 1
		if :: !kicked -> wake_target(); kicked = true :: else fi;
#elif BUG == 5
		if :: wanted == need -> wake_target() :: else fi; /* else another waiter has done it */
#else
		wake_target();
#endif
		asleep[i] = true;
		unlock(slot_lock);
		(!asleep[i]);
		lock(slot_lock)
	od;
	unlock(slot_lock);
	served[i] = true
}

init {
	atomic {
		run reader();
		run target();
		run waiter(0, 1);
		run waiter(1, 2)
	}
}
