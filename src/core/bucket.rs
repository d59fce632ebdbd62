//! Which share of all somebody belongs to, for ever.
//!
//! A text has one bucket of 10,000: the first 8 bytes, big endian, of the SHA-256 of salt, a zero
//! byte and text, modulo 10,000. It depends on nothing else, so every node and every start says the
//! same. A share takes the buckets from 0 up: one that grows only gains.
//!
//! Salts are constants of whoever asks, without a zero byte, and different, so that the first tenth
//! of one question is not the first tenth of another.
//!
//! The values are part of the contract: the tests hold some of them as they are.

use sha2::{Digest, Sha256};

/// Buckets there are; each is a hundredth of a percent.
pub const BUCKETS: u16 = 10_000;

/// The bucket of a text, from 0 to 9,999.
#[must_use]
pub fn bucket(salt: &str, text: &str) -> u16 {
    let hash = Sha256::new().chain_update(salt).chain_update([0]).chain_update(text).finalize();
    let first = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(first % u64::from(BUCKETS)).unwrap_or_default()
}

/// Whether a bucket is within the first `percent` of all; from 100 on, all are.
#[must_use]
pub fn within(bucket: u16, percent: u8) -> bool {
    bucket < u16::from(percent) * (BUCKETS / 100)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_what_they_have_always_been() {
        let known = [
            ("rollout", "dashboard-1", 9706),
            ("rollout", "", 4218),
            ("", "rollout", 3971),
            ("flags.debug", "0192e4a0-0000-7000-8000-000000000000", 1465),
            ("rollout", "ürün-7", 3655),
        ];
        for (salt, text, expected) in known {
            assert_eq!(bucket(salt, text), expected, "{salt} {text}");
        }
    }

    #[test]
    fn a_share_takes_the_buckets_below_it() {
        for (bucket, percent, expected) in
            [(0, 0, false), (0, 1, true), (2_499, 25, true), (2_500, 25, false), (9_999, 100, true)]
        {
            assert_eq!(within(bucket, percent), expected, "{bucket} of {percent} %");
        }
    }

    #[test]
    fn texts_are_spread_evenly() {
        const TEXTS: u32 = 100_000;
        let mut tenths = [0_u32; 10];
        for number in 0..TEXTS {
            tenths[usize::from(bucket("rollout", &format!("client-{number}")) / 1_000)] += 1;
        }
        // A tenth has 10,000 of them, give or take 95: five times that is never seen.
        for tenth in tenths {
            assert!(tenth.abs_diff(TEXTS / 10) < 475, "{tenths:?}");
        }
    }

    #[test]
    fn salts_are_independent_of_each_other() {
        let both = (0..20_000)
            .map(|number| number.to_string())
            .filter(|text| within(bucket("one", text), 10) && within(bucket("two", text), 10))
            .count();
        // A hundredth, give or take 14.
        assert!(both.abs_diff(200) < 75, "{both}");
    }

    proptest! {
        #[test]
        fn a_share_that_grows_only_gains(text in ".*", share: u8, more: u8) {
            let bucket = bucket("rollout", &text);
            prop_assert!(bucket < BUCKETS);
            prop_assert!(!within(bucket, 0) && within(bucket, 100));
            let larger = share.saturating_add(more);
            prop_assert!(!within(bucket, share) || within(bucket, larger));
        }
    }
}
