//! A cache among the contestants of bench/peers/run.py, where the protocol is told.

use std::hint::spin_loop;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub trait Peer: Sync {
    fn get(&self, key: u64) -> Option<u64>;
    fn set(&self, key: u64);
    /// What is there, or else what `make` returns, which is stored.
    fn get_or_insert(&self, key: u64, make: impl FnOnce() -> u64) -> u64;
    /// After the cache was filled.
    fn settle(&self) {}
}

struct Keys {
    universe: Vec<u64>,
    stream: Vec<u64>,
}

fn read_keys(path: &str) -> Keys {
    let bytes = std::fs::read(path).expect("the file of keys");
    let mut numbers = bytes
        .chunks_exact(8)
        .map(|b| u64::from_le_bytes(b.try_into().unwrap()));
    let count = numbers.next().expect("a file of keys") as usize;
    let universe = numbers.by_ref().take(count).collect();
    Keys {
        universe,
        stream: numbers.collect(),
    }
}

#[derive(Default)]
struct Counts {
    sum: u64, // of the values: as many as operations
    made: u64,
}

fn hits<P: Peer>(peer: &P, part: &[u64], passes: usize) -> Counts {
    let mut counts = Counts::default();
    for _ in 0..passes {
        for &key in part {
            counts.sum += peer.get(key).unwrap_or(0);
        }
    }
    counts
}

fn churn<P: Peer>(peer: &P, part: &[u64], passes: usize) -> Counts {
    let mut counts = Counts::default();
    for _ in 0..passes {
        for &key in part {
            counts.sum += peer.get_or_insert(key, || {
                counts.made += 1;
                1
            });
        }
    }
    counts
}

/// Each thread goes through its own part of the stream; they begin together. Nanoseconds from the begin to the end of all.
fn take_turn(
    run: impl Fn(&[u64]) -> Counts + Sync,
    stream: &[u64],
    threads: usize,
) -> (f64, Counts) {
    let ready = AtomicUsize::new(0);
    let part = |part: &[u64]| {
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) < threads {
            spin_loop();
        }
        (Instant::now(), run(part))
    };
    let length = stream.len() / threads;
    let done: Vec<_> = std::thread::scope(|scope| {
        let part = &part;
        let others: Vec<_> = (1..threads)
            .map(|t| scope.spawn(move || part(&stream[t * length..(t + 1) * length])))
            .collect();
        let own = part(&stream[..length]);
        std::iter::once(own)
            .chain(others.into_iter().map(|thread| thread.join().unwrap()))
            .collect()
    });
    let began = done.iter().map(|(began, _)| *began).min().unwrap();
    let ns = began.elapsed().as_nanos() as f64;
    let total = done.iter().fold(Counts::default(), |all, (_, one)| Counts {
        sum: all.sum + one.sum,
        made: all.made + one.made,
    });
    (ns, total)
}

pub fn compete<P: Peer>(name: &str, make: impl FnOnce(usize) -> P) {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [what, entries, threads, file] = given.as_slice() else {
        panic!("usage: {name} hit|churn ENTRIES THREADS FILE");
    };
    let (entries, threads): (usize, usize) = (entries.parse().unwrap(), threads.parse().unwrap());
    let hit = what == "hit";
    let keys = read_keys(file);
    let peer = make(if hit { entries + entries / 8 } else { entries });
    if hit {
        keys.universe.iter().for_each(|&key| peer.set(key));
        peer.settle();
    }
    for line in std::io::stdin().lock().lines() {
        let passes: usize = line.unwrap().trim().parse().expect("how many passes");
        let run = |part: &[u64]| {
            if hit {
                hits(&peer, part, passes)
            } else {
                churn(&peer, part, passes)
            }
        };
        let (ns, counts) = take_turn(run, &keys.stream, threads);
        let operations = (keys.stream.len() / threads * threads * passes) as u64;
        assert!(counts.sum == operations, "not all were hits");
        println!(
            r#"{{"name": "{name}", "what": "{what}", "entries": {entries}, "threads": {threads}, "ns": {:.3}, "made": {:.4}}}"#,
            ns * threads as f64 / operations as f64,
            counts.made as f64 / operations as f64
        );
        std::io::stdout().flush().unwrap();
    }
}
