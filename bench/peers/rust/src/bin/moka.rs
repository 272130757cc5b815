use moka::sync::Cache;
use terrace_peers::{compete, Peer};

struct Moka(Cache<u64, u64>);

impl Peer for Moka {
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }
    fn set(&self, key: u64) {
        self.0.insert(key, 1);
    }
    fn get_or_insert(&self, key: u64, make: impl FnOnce() -> u64) -> u64 {
        self.0.get_with(key, make)
    }
    fn settle(&self) {
        self.0.run_pending_tasks();
    }
}

fn main() {
    compete("moka", |entries| Moka(Cache::new(entries as u64)));
}
