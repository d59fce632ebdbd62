//! The checksum of an event: over its canonical `data`, stronger where more depends on it.
//!
//! | when | algorithm | guards against |
//! |---|---|---|
//! | a secret is set | HMAC-SHA-256 | a change by anyone who does not hold the secret |
//! | category `critical` | SHA-256 | any change, also a deliberate one that leaves the checksum alone |
//! | otherwise | CRC32 | accidents |

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::core::event::Category;

/// How a checksum is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// 8 hexadecimal digits.
    Crc32,
    /// 64 hexadecimal digits.
    Sha256,
    /// 64 hexadecimal digits, which only a holder of the secret can make.
    HmacSha256,
}

impl Algorithm {
    /// The algorithm for events of this category.
    #[must_use]
    pub fn of(category: Category, has_secret: bool) -> Self {
        match category {
            _ if has_secret => Self::HmacSha256,
            Category::Critical => Self::Sha256,
            _ => Self::Crc32,
        }
    }
}

/// The checksum of canonical JSON, in lower-case hexadecimal.
#[must_use]
pub fn checksum(category: Category, canonical: &str, secret: Option<&[u8]>) -> String {
    if let Some(secret) = secret {
        return hmac(canonical.as_bytes(), secret);
    }
    match Algorithm::of(category, false) {
        Algorithm::Crc32 => format!("{:08x}", crc32fast::hash(canonical.as_bytes())),
        _ => hex::encode(Sha256::digest(canonical)),
    }
}

/// Whether `given` is the checksum of canonical JSON. The time it takes tells nothing about where
/// the two differ.
#[must_use]
pub fn verify(category: Category, canonical: &str, secret: Option<&[u8]>, given: &str) -> bool {
    let right = checksum(category, canonical, secret);
    let differences = right
        .bytes()
        .zip(given.bytes())
        .fold(0, |found, (a, b)| std::hint::black_box(found | (a ^ b)));
    right.len() == given.len() && differences == 0
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac(message: &[u8], secret: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    hex::encode(mac.chain_update(message).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_agree_with_the_published_vectors() {
        assert_eq!(checksum(Category::Debug, "123456789", None), "cbf43926");
        assert_eq!(
            checksum(Category::Critical, "abc", None),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            checksum(Category::Debug, "what do ya want for nothing?", Some(b"Jefe")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_crc_keeps_its_leading_zeros() {
        let short = (0..10_000).map(|n| checksum(Category::System, &n.to_string(), None));
        assert!(short.into_iter().all(|crc| crc.len() == 8));
    }

    #[test]
    fn only_the_right_checksum_is_verified() {
        for secret in [None, Some(&b"s"[..])] {
            for category in Category::ALL {
                let right = checksum(category, "{}", secret);
                assert!(verify(category, "{}", secret, &right));
                assert!(!verify(category, "[]", secret, &right));
                assert!(!verify(category, "{}", secret, &right[1..]));
                assert!(!verify(category, "{}", secret, &format!("{right}0")));
                assert!(!verify(category, "{}", secret, ""));
            }
        }
        let made_with_another = checksum(Category::System, "{}", Some(b"other"));
        assert!(!verify(Category::System, "{}", Some(b"secret"), &made_with_another));
    }

    #[test]
    fn the_algorithm_follows_secret_and_category() {
        assert_eq!(Algorithm::of(Category::Critical, true), Algorithm::HmacSha256);
        assert_eq!(Algorithm::of(Category::Critical, false), Algorithm::Sha256);
        assert_eq!(Algorithm::of(Category::UserActivity, false), Algorithm::Crc32);
    }
}
