//! Chance that repeats itself: the same seed, the same throws (`SplitMix64`).

use uuid::Uuid;

/// A generator. For made-up people, never for secrets.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, 0 if there is none.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.throw() % limit).unwrap_or_default()
    }

    /// One of `all`, or the default if that is empty.
    pub(super) fn pick<T: Copy + Default>(&mut self, all: &[T]) -> T {
        all.get(self.below(all.len())).copied().unwrap_or_default()
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        let octets = u128::from(self.throw()) << 64 | u128::from(self.throw());
        uuid::Builder::from_random_bytes(octets.to_be_bytes()).into_uuid()
    }
}
