//! The instances of one state of the app: those of a replaced one must go as soon as they have nothing
//! to do, because all share one pool.
//!
//! Invariant: an instance is a member from before it is made until its memory is given back.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    task::Waker,
};

/// The live instances of an app as it once was, or still is.
#[derive(Default)]
pub struct Generation {
    /// Another state of the app has taken over.
    retired: AtomicBool,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    next: u64,
    /// How to wake each; none if it has not waited yet.
    wakers: BTreeMap<u64, Option<Waker>>,
}

/// An instance's place in its generation.
pub struct Member {
    generation: Arc<Generation>,
    number: u64,
}

/// How an instance is woken when its generation retires.
pub struct Alarm {
    generation: Arc<Generation>,
    number: u64,
    /// The one that the generation knows.
    waker: Option<Waker>,
}

impl Generation {
    /// Counts an instance in.
    pub fn join(self: &Arc<Self>) -> Member {
        let mut members = self.members();
        members.next += 1;
        let number = members.next;
        members.wakers.insert(number, None);
        Member {
            generation: self.clone(),
            number,
        }
    }

    /// From now on its instances take no more requests than they must, and go once they are idle.
    pub fn retire(&self) {
        self.retired.store(true, Release);
        let wakers: Vec<Waker> = {
            let mut members = self.members();
            members.wakers.values_mut().filter_map(mem::take).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether another state of the app has taken over.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Acquire)
    }

    /// Whether no instance is left.
    pub fn is_empty(&self) -> bool {
        self.members().wakers.is_empty()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Its alarm.
    pub fn alarm(&self) -> Alarm {
        Alarm {
            generation: self.generation.clone(),
            number: self.number,
            waker: None,
        }
    }

    /// Whether another state of the app has taken over.
    pub fn is_retired(&self) -> bool {
        self.generation.is_retired()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.generation.members().wakers.remove(&self.number);
    }
}

impl Alarm {
    /// Whether the generation has retired; if not, it wakes this task when it does.
    pub fn is_retired(&mut self, waker: &Waker) -> bool {
        // The task stays the same for the life of an instance, so this is a comparison of pointers.
        if !self
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            self.waker = Some(waker.clone());
            if let Some(known) = self.generation.members().wakers.get_mut(&self.number) {
                *known = Some(waker.clone());
            }
        }
        // After the waker is known: whoever retires it meanwhile sees the one or the other.
        self.generation.is_retired()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_retired_generation_wakes_its_members_and_empties() {
        let generation = Arc::new(Generation::default());
        let (waiting, busy) = (generation.join(), generation.join());
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut alarm = waiting.alarm();
        assert!(!alarm.is_retired(&waker) && !alarm.is_retired(&waker));
        generation.retire();
        assert_eq!(woken.0.load(Relaxed), 1);
        assert!(alarm.is_retired(&waker) && busy.is_retired());
        assert!(!generation.is_empty());
        drop((waiting, busy));
        assert!(generation.is_empty());
    }
}
