//! Named streams of random numbers, all derived from one seed. Draws from one stream do not affect another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

#[derive(Debug, Clone)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of a name and a number, such as an item's or a connection's, under a seed.
    pub fn stream(seed: u64, name: &str, number: u64) -> Chance {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv(name).to_le_bytes());
        key[16..24].copy_from_slice(&number.to_le_bytes());
        key[24..32].copy_from_slice(&(name.len() as u64).to_le_bytes());
        Chance(ChaCha8Rng::from_seed(key))
    }

    /// A whole number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A whole number from `low` to `high`, both inclusive.
    pub fn int(&mut self, low: i64, high: i64) -> i64 {
        let (low, high) = (low.min(high), low.max(high));
        let span = (i128::from(high) - i128::from(low) + 1).min(i128::from(u64::MAX)) as u64;
        low.wrapping_add(self.below(span) as i64)
    }

    /// A number from 0 to 1, exclusive.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }
}

/// FNV-1a. The standard library's hashes may change between versions, and a seed must not.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned_and_apart() {
        let first = |seed, name, n| Chance::stream(seed, name, n).int(0, 999_999);
        assert_eq!(first(42, "data/stations", 1), first(42, "data/stations", 1));
        assert_ne!(first(42, "data/stations", 1), first(42, "data/stations", 2));
        assert_ne!(first(42, "data/stations", 1), first(42, "data/station", 1));
        assert_ne!(first(42, "data/stations", 1), first(43, "data/stations", 1));
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut chance = Chance::stream(1, "t", 0);
        let drawn: std::collections::BTreeSet<i64> = (0..200).map(|_| chance.int(-1, 2)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [-1, 0, 1, 2]);
        assert_eq!(chance.int(5, 5), 5);
        assert_eq!(chance.below(0), 0);
        let wide = chance.int(i64::MIN, i64::MAX);
        assert!((i64::MIN..=i64::MAX).contains(&wide));
    }
}
