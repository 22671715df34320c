//! Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014) from a seed. One run of one seed makes the same choices,
//! as far as the answers are the same.

/// A source of choices.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From the run's seed, for one of its parts.
    pub fn of(seed: u64, part: u64) -> Self {
        let mut chance = Self(seed ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03));
        chance.next();
        chance
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below another one; 0 below 0.
    pub fn below(&mut self, most: usize) -> usize {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        self.next().checked_rem(most).and_then(|found| usize::try_from(found).ok()).unwrap_or(0)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// From 1 to `most`, each size as likely as twice it: small ones often, large ones seldom.
    pub fn size(&mut self, most: usize) -> usize {
        let doublings = usize::BITS - most.leading_zeros();
        let ceiling = 1_usize << self.below(usize::try_from(doublings).unwrap_or(0) + 1);
        1 + self.below(ceiling.min(most))
    }

    /// One of them.
    pub fn one<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}
