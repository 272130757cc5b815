use quick_cache::sync::Cache;
use terrace_peers::{compete, Peer};

struct Quick(Cache<u64, u64>);

impl Peer for Quick {
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }
    fn set(&self, key: u64) {
        self.0.insert(key, 1);
    }
    fn get_or_insert(&self, key: u64, make: impl FnOnce() -> u64) -> u64 {
        self.0
            .get_or_insert_with(&key, || Ok::<_, ()>(make()))
            .unwrap()
    }
}

fn main() {
    compete("quick_cache", |entries| Quick(Cache::new(entries)));
}
